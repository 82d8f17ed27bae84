// Package files is the sensor of the directories that everybody may write to:
// programs that lie there, hidden ones, and those of known miners.
//
// Everybody may write there, so nothing that lies there may stop the sensor,
// mislead it or hide from it: no link is followed, no other file system is
// entered, nothing but a regular file is opened, and every scan is bounded
// (Limits).
package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Sensor scans directories. Sample is called by one goroutine, Watch by another.
type Sensor struct {
	model.Latest[model.FileSnapshot]

	options Options
	opener  opener
	matcher *fingerprint.Matcher
	known   *contents
	errors  *readErrors
	rate    rateLimit
	guard   *hostfs.Guard // of opening directories of containers

	running   map[model.FileID]bool    // as of this sample
	watchable atomic.Pointer[[]string] // directories of the last scan, as inotify reaches them
	watching  atomic.Bool
}

// New returns a sensor that has not looked yet.
func New(o Options) *Sensor {
	o = o.withDefaults()
	return &Sensor{
		options: o, opener: newOpener(), matcher: fingerprint.NewMatcher(), known: newContents(), errors: newReadErrors(o.Logger),
		rate: rateLimit{scanned: make(chan struct{}, 1)}, guard: hostfs.NewGuard(maxStuck),
	}
}

// Name is the sensor's name, as in the label `sensor`.
func (*Sensor) Name() string { return "files" }

// Sample scans every watched directory once. A directory that does not exist is
// empty; what cannot be read is counted, and the rest is still reported. File
// systems that are mounted below a watched directory are not entered: name them
// as watched directories of their own. Sample fails only if Root cannot be
// opened.
func (s *Sensor) Sample(_ context.Context, now time.Time) error {
	began := time.Now()
	s.rate.begin()
	defer s.rate.end(began)
	processes := s.options.Processes()
	s.running = processes.RunningFiles()
	watched, err := s.open(s.options.Directories())
	if err != nil {
		return err
	}
	defer func() {
		for _, directory := range watched {
			directory.close()
		}
	}()

	snapshot := &model.FileSnapshot{
		Counts: map[model.FileCount]int{}, Truncated: map[string]bool{},
	}
	var share model.Share
	var found []*candidate
	var watchable []*location
	roots := map[model.FileID]bool{}
	for _, directory := range watched {
		snapshot.Directories = append(snapshot.Directories, directory.name)
		if directory.file != nil {
			roots[directory.id] = true
		}
		for _, reason := range model.FileReasons() {
			snapshot.Counts[model.FileCount{Directory: directory.name, Reason: reason}] = 0
		}
	}
	watched = append(watched, s.openContainers(processes.MountNamespaces(), snapshot.Directories, roots)...)
	var inContainers time.Time // when the time for all of them is over
	for _, directory := range watched {
		w := newWalk(s, directory, roots)
		if directory.container != "" {
			if inContainers.IsZero() {
				inContainers = time.Now().Add(s.options.Limits.Time)
			}
			w.entries, w.deadline = min(w.entries, containerEntries), inContainers
		}
		w.run()
		found = append(found, w.found...)
		if directory.container == "" { // its path is not one of the host's
			watchable = append(watchable, w.watchable...)
		}
		snapshot.Truncated[directory.name] = snapshot.Truncated[directory.name] || w.truncated
		if w.truncated {
			s.errors.truncated(directory.name)
		}
		share.Total += w.share.Total
		share.Readable += w.share.Readable
	}
	s.readContents(found)
	for _, c := range found {
		snapshot.Counts[model.FileCount{Directory: c.location.watched.name, Reason: c.reason}]++
	}
	snapshot.Files = s.details(found)
	s.known.prune()
	s.publishWatchable(watchable)
	snapshot.Watching = s.watching.Load()
	snapshot.Meta = model.Meta{
		Time: now, Duration: time.Since(began), Interval: s.options.Interval, ReadErrors: s.errors.snapshot(),
		Visibility: map[model.Aspect]model.Share{model.AspectTemp: share},
	}
	s.Publish(snapshot, &snapshot.Meta)
	level.Debug(s.options.Logger).Log("msg", "scanned files", "suspicious", len(found), "duration", snapshot.Duration)
	return nil
}

// watched is a directory of the configuration during one scan.
type watched struct {
	name      string   // as configured
	container string   // whose directory it is; "" for the host's
	reached   string   // as the exporter reaches it, links resolved; only for the host's
	file      *os.File // nil if it does not exist, cannot be looked at, or is looked at under another name
	id        model.FileID
	err       error
}

// open opens the watched directories. A directory with several names, as with a
// link from /var/tmp to /tmp, is opened under the first of them only.
func (s *Sensor) open(directories []string) ([]*watched, error) {
	root, err := hostfs.OpenRoot(s.options.Root)
	if err != nil {
		return nil, fmt.Errorf("is --path.rootfs right?: %w", err)
	}
	defer root.Close()
	if s.opener.old {
		root.Plain()
	}
	seen, names := map[model.FileID]bool{}, map[string]bool{}
	all := make([]*watched, 0, len(directories))
	for _, name := range directories {
		if names[name] {
			continue
		}
		names[name] = true
		directory := &watched{name: name}
		directory.file, directory.err = root.Directory(name)
		switch {
		case errors.Is(directory.err, hostfs.ErrRemote):
			directory.err = fmt.Errorf("%w: watch a local directory", directory.err)
		case directory.err == nil:
			directory.identify(s.options.Root)
			if seen[directory.id] {
				directory.close()
			}
			seen[directory.id] = true
		}
		all = append(all, directory)
	}
	return all, nil
}

func (w *watched) fd() int { return int(w.file.Fd()) }

func (w *watched) close() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
}
