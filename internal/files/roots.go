package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// watched is a directory of the configuration, as the host or a container sees it. It is
// open only while a sample needs it.
type watched struct {
	name      string // as configured
	container string // whose directory it is; "" for the host's
	title     string // what people call the container
	pids      []int  // of the container

	file *os.File // nil if it is closed, does not exist, cannot be looked at, or is looked at under another name
	id   model.FileID
	err  error
	top  *directory // nil if there is nothing to look at
}

func (w *watched) fd() int { return int(w.file.Fd()) }

func (w *watched) close() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
}

// identify finds out which directory it is.
func (w *watched) identify() {
	if stat, err := hostfs.Stat(w.file); err == nil {
		w.id = model.FileID{Dev: stat.Dev, Inode: stat.Ino}
	}
}

// isMissing tells whether there is nothing to see, or it is seen under its first name.
func (w *watched) isMissing() bool {
	return w.top == nil && (w.err == nil || errors.Is(w.err, fs.ErrNotExist))
}

// findRoots looks which watched directories there are now. What is known of those that
// are still the same is kept.
func (s *Sensor) findRoots(names []string, containers []model.MountNamespace) error {
	now, err := s.openHost(names)
	if err != nil {
		return err
	}
	seen := map[model.FileID]bool{}
	for _, w := range now {
		if w.file != nil {
			seen[w.id] = true
		}
	}
	s.tops = seen
	now = append(now, s.openContainers(containers, unique(names), seen)...)

	type place struct{ container, name string }
	before := map[place]*watched{}
	for _, w := range s.roots {
		w.close()
		before[place{w.container, w.name}] = w
	}
	for i, w := range now {
		at := place{w.container, w.name}
		old := before[at]
		if old != nil && old.top != nil && w.file != nil && old.id == w.id {
			old.file, old.pids, old.title, old.err = w.file, w.pids, w.title, nil
			now[i] = old
			delete(before, at)
			continue
		}
		if w.file != nil {
			w.top = &directory{watched: w}
			s.layers[0].remembered++
			s.list(w.top)
		}
		if w.err != nil && !errors.Is(w.err, fs.ErrNotExist) {
			s.errors.unreadable(w.name, w.err)
		}
	}
	for _, gone := range before {
		if gone.top != nil {
			s.forget(gone.top)
		}
	}
	s.sweep()
	s.roots = now
	return nil
}

func unique(names []string) (once []string) {
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// openHost opens the host's watched directories. A directory with several names, as with
// a link from /var/tmp to /tmp, is opened under the first of them only.
func (s *Sensor) openHost(names []string) ([]*watched, error) {
	root, err := s.openRoot()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	seen := map[model.FileID]bool{}
	var all []*watched
	for _, name := range unique(names) {
		w := &watched{name: name}
		w.file, w.err = root.Directory(name)
		switch {
		case errors.Is(w.err, hostfs.ErrRemote):
			w.err = fmt.Errorf("%w: watch a local directory", w.err)
		case w.err == nil:
			w.identify()
			if seen[w.id] {
				w.close()
			}
			seen[w.id] = true
		}
		all = append(all, w)
	}
	return all, nil
}

func (s *Sensor) openRoot() (*hostfs.Root, error) {
	root, err := hostfs.OpenRoot(s.options.Root)
	if err != nil {
		return nil, fmt.Errorf("is --path.rootfs right?: %w", err)
	}
	if s.opener.old {
		root.Plain()
	}
	return root, nil
}

// reach opens a watched directory again in a sample that needs it.
func (s *Sensor) reach(w *watched) error {
	if w.file != nil {
		return nil
	}
	again := &watched{}
	if w.container == "" {
		root, err := s.openRoot()
		if err != nil {
			return err
		}
		defer root.Close()
		if again.file, err = root.Directory(w.name); err != nil {
			return err
		}
		again.identify()
	} else {
		again = s.openInContainer(model.MountNamespace{Name: w.container, PIDs: w.pids}, w.name)
		if again == nil {
			return fs.ErrNotExist
		}
		if again.err != nil {
			return again.err
		}
	}
	if again.id != w.id {
		again.close()
		return fs.ErrNotExist // the next look finds the other one
	}
	w.file = again.file
	return nil
}

func (s *Sensor) closeRoots() {
	for _, w := range s.roots {
		w.close()
	}
}
