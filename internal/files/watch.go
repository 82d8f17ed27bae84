package files

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	settleTime = 100 * time.Millisecond // from a new name or mode to the wake-up
	writeTime  = 2 * time.Second        // from a write: there may be many, as in a log file
)

// Watch signals changes of the directories that the last scan saw (inotify(7)).
// A signal only means that it is time to scan: events can be lost, a scan sees
// what is there. Signals are at least a second apart and leave ten times as long
// as the last scan took between two scans, so that a storm of events costs at
// most a tenth of the time. It returns nil when the context ends, or an error
// where there is no inotify.
func (s *Sensor) Watch(ctx context.Context, changed chan<- struct{}) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("changes are only seen at the next full scan (raise fs.inotify.max_user_instances?): %w", err)
	}
	defer func() { _ = watcher.Close() }()
	defer s.watching.Store(false)
	f := &follower{sensor: s, watcher: watcher}
	wake := newDebounce()
	defer wake.timer.Stop()
	if f.follow() {
		wake.set(settleTime) // what came before a directory was watched
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.rate.scanned:
			if f.follow() {
				wake.set(settleTime)
			}
		case event, ok := <-watcher.Events:
			if !ok {
				return errors.New("changes are only seen at the next full scan: inotify has stopped")
			}
			wake.set(delayOf(event.Op))
		case _, ok := <-watcher.Errors:
			if !ok {
				return errors.New("changes are only seen at the next full scan: inotify has stopped")
			}
			wake.set(settleTime) // events were lost: look
		case <-wake.timer.C:
			wake.due = time.Time{}
			if wait := s.rate.wait(time.Now()); wait > 0 {
				wake.set(wait)
				continue
			}
			s.rate.signalled(time.Now())
			select {
			case changed <- struct{}{}:
			default: // a scan is due already
			}
		}
	}
}

// delayOf is how long to wait after an event, in case more follow. 0: no file can
// become suspicious by it.
func delayOf(op fsnotify.Op) time.Duration {
	switch {
	case op.Has(fsnotify.Create), op.Has(fsnotify.Rename), op.Has(fsnotify.Chmod):
		return settleTime
	case op.Has(fsnotify.Write), op.Has(fsnotify.Remove):
		return writeTime
	default:
		return 0
	}
}

// debounce is a timer that is only ever set to an earlier time.
type debounce struct {
	timer *time.Timer
	due   time.Time // zero if it is not set
}

func newDebounce() *debounce {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &debounce{timer: timer}
}

func (a *debounce) set(delay time.Duration) {
	due := time.Now().Add(delay)
	isEarlier := a.due.IsZero() || due.Before(a.due)
	if delay <= 0 || !isEarlier {
		return
	}
	a.due = due
	a.timer.Reset(delay)
}

// follower keeps inotify at the directories of the last scan.
type follower struct {
	sensor  *Sensor
	watcher *fsnotify.Watcher
	logged  bool
}

// follow watches new directories and drops those that are gone. It returns whether
// there were new ones.
func (f *follower) follow() bool {
	wanted := f.sensor.watchable.Load()
	if wanted == nil {
		return false
	}
	now, before := map[string]bool{}, map[string]bool{}
	for _, directory := range *wanted {
		now[directory] = true
	}
	active := 0
	for _, directory := range f.watcher.WatchList() {
		before[directory] = true
		if now[directory] {
			active++
			continue
		}
		if err := f.watcher.Remove(directory); err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) {
			f.logOnce(directory, err)
		}
	}
	added := false
	for _, directory := range *wanted {
		if before[directory] {
			continue
		}
		if err := f.watcher.Add(directory); err != nil {
			if !hasVanished(err) {
				f.logOnce(directory, err)
			}
			continue
		}
		added = true
		active++
	}
	f.sensor.watching.Store(active > 0)
	return added
}

func (f *follower) logOnce(directory string, err error) {
	if !f.logged {
		f.logged = true
		level.Warn(f.sensor.options.Logger).Log("msg", "changes here are only seen at full scans (raise fs.inotify.max_user_watches?)",
			"directory", text.Escape(directory), "err", err)
	}
}

// publishWatchable hands the directories of a scan to Watch: those at the top
// first, as many as inotify is to watch.
func (s *Sensor) publishWatchable(locations []*location) {
	slices.SortStableFunc(locations, func(a, b *location) int { return a.depth - b.depth })
	s.errors.unwatched(len(locations) - maxWatched)
	locations = locations[:min(len(locations), maxWatched)]
	paths := make([]string, 0, len(locations))
	for _, p := range locations {
		paths = append(paths, filepath.Join(p.watched.reached, strings.Join(p.elements(), "/")))
	}
	s.watchable.Store(&paths)
}
