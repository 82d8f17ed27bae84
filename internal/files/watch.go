package files

import (
	"context"
	"fmt"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/go-kit/log/level"
)

const (
	settleTime = 100 * time.Millisecond // from an event to the scan
	quietTime  = time.Second            // at least, between two scans
	quietRatio = 10                     // and this many times the length of the last one
	syncEvery  = 2 * time.Second        // how often new directories are taken in
)

// Watch signals changes of the directories that the last scan saw (inotify(7)).
// A signal only means that it is time to scan: events can be lost, a scan sees
// what is there. A storm of events makes at most one scan in a second and takes
// at most a tenth of the time. It returns when the context ends, or at once with
// an error where there is no inotify.
func (s *Sensor) Watch(ctx context.Context, changed chan<- struct{}) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("changes are only seen at the next full scan (raise fs.inotify.max_user_instances?): %w", err)
	}
	defer watcher.Close()
	s.watching.Store(true)
	defer s.watching.Store(false)
	sync := time.NewTicker(syncEvery)
	defer sync.Stop()
	scan := time.NewTimer(time.Hour)
	scan.Stop()
	pending, last, complained := false, time.Time{}, false
	s.follow(watcher, &complained)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sync.C:
			s.follow(watcher, &complained)
			continue
		case <-scan.C:
			pending, last = false, time.Now()
			select {
			case changed <- struct{}{}:
			default: // a scan is due already
			}
			continue
		case <-watcher.Events:
		case <-watcher.Errors: // events were lost: look
		}
		if !pending {
			pending = true
			scan.Reset(max(settleTime, time.Until(last.Add(s.quiet()))))
		}
	}
}

// quiet is how long to wait between two scans.
func (s *Sensor) quiet() time.Duration {
	if snapshot := s.Snapshot(); snapshot != nil {
		return max(quietTime, quietRatio*snapshot.Duration)
	}
	return quietTime
}

// follow watches the directories of the last scan. Those that are gone are
// dropped by the kernel.
func (s *Sensor) follow(watcher *fsnotify.Watcher, complained *bool) {
	directories := s.watchable.Load()
	if directories == nil {
		return
	}
	for _, directory := range *directories {
		if err := watcher.Add(directory); err != nil && !*complained {
			*complained = true
			level.Warn(s.options.Logger).Log("msg", "a directory's changes are only seen at full scans", "directory", directory, "err", err)
		}
	}
}
