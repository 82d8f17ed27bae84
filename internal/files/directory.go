package files

import (
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// directory is what is remembered of a watched directory, or of one below it: not the
// names in it, but for those of directories and of suspicious files.
type directory struct {
	watched *watched
	above   *directory // nil for the watched directory itself
	name    string
	depth   int
	hidden  bool // it, or a directory above it, below the watched one

	isEnvironment bool // it is a virtual environment of Python

	children map[string]*directory
	files    map[string]*candidate // the suspicious ones that are remembered

	id      model.FileID
	watch   int32         // of inotify; 0 if there is none
	listed  time.Time     // when the last listing began that came to its end; zero: none did
	mtime   unix.Timespec // of it, at that listing
	names   int           // in that listing
	omitted tally         // suspicious files that are not remembered, for want of room

	listing    *listing // that goes on or waits; nil
	again      bool     // it is to be listed once more after that
	lost       bool     // something happened in it that nobody told
	unreadable bool
	unread     bool // a file in it could not be read: the next listing asks all of them again
	elsewhere  bool // another file system, or counted under another watched directory: it is not entered
	tooDeep    bool // it has directories that are too deep to be looked into
	gone       bool
	evicted    bool // some of its directories were forgotten since it was listed
	isDone     bool // it is in its layer's list of those that may be forgotten
}

// elements are the names from the watched directory down.
func (d *directory) elements() []string {
	elements := make([]string, 0, d.depth)
	for ; d.above != nil; d = d.above {
		elements = append(elements, d.name)
	}
	slices.Reverse(elements)
	return elements
}

// path of a directory as the host calls it.
func (d *directory) path() string {
	return path.Join(d.watched.name, strings.Join(d.elements(), "/"))
}

// known tells whether all of it was looked at, and nothing was missed since.
func (d *directory) known() bool { return !d.listed.IsZero() && !d.lost }

// each calls a function for a directory and all that are remembered below it.
func (d *directory) each(call func(*directory)) {
	call(d)
	for _, child := range d.children {
		child.each(call)
	}
}

// displaced counts a file that had to make room for another. A listing that has not come
// to it yet will count it.
func (d *directory) displaced(c *candidate) {
	switch l := d.listing; {
	case l == nil || l.began.IsZero():
		d.omitted[c.rank]++
	case !c.looked.Before(l.began):
		l.omitted[c.rank]++
	}
}

// unremembered counts the suspicious files that there was no room for.
func (d *directory) unremembered() tally {
	if d.listing != nil && d.listed.IsZero() {
		return d.listing.omitted
	}
	return d.omitted
}

// complete tells whether nothing in it was left out.
func (d *directory) complete() bool { return d.known() && !d.tooDeep && !d.evicted }

// layer is all directories of one depth. Each has its own bounds, so that a lower one
// always finds room and a listing that waits for room goes on in the end.
type layer struct {
	remembered int
	done       []*directory // may be forgotten if there is nothing in them or below them
	names      queue
	rest       queue
}

// child returns a directory's subdirectory, which is remembered and listed if it is
// new. It returns false while there is no room for it.
func (s *Sensor) child(at *directory, name string) bool {
	if at.children[name] != nil {
		return true
	}
	if at.depth >= s.options.Limits.Depth {
		at.tooDeep = true
		return true
	}
	below := s.layers[at.depth+1]
	if below.remembered >= s.options.Limits.Directories && !s.evict(below) {
		return false
	}
	child := &directory{
		watched: at.watched, above: at, name: name, depth: at.depth + 1, hidden: at.hidden || place.IsHiddenName(name),
	}
	if at.children == nil {
		at.children = map[string]*directory{}
	}
	at.children[name] = child
	below.remembered++
	s.list(child)
	return true
}

// evict forgets a directory of a layer in which nothing suspicious lies, to make room
// for another. The next listing of the one above it finds it again.
func (s *Sensor) evict(l *layer) bool {
	for range min(len(l.done), evictTries) {
		d := l.done[0]
		l.done = l.done[1:]
		switch {
		case d.gone:
			continue
		case s.isEvictable(d):
			d.above.evicted = true
			s.forget(d)
			return true
		}
		l.done = append(l.done, d)
	}
	return false // others are still to be listed, or to be asked
}

// finished puts a directory that was listed among those that may be forgotten. Those that are gone leave the list
// when they are as many as those that are there.
func (l *layer) finished(d *directory, limit int) {
	const few = 64
	if d.isDone || d.above == nil {
		return
	}
	d.isDone = true
	if len(l.done) >= min(2*limit, 2*l.remembered+few) {
		l.done = slices.DeleteFunc(l.done, func(d *directory) bool { return d.gone })
	}
	l.done = append(l.done, d)
}

// evictTries is how many directories are asked whether they may be forgotten.
const evictTries = 64

func (s *Sensor) isEvictable(d *directory) bool {
	if d.listing != nil || d.watch != 0 || len(d.files) > 0 {
		return false
	}
	for _, child := range d.children {
		if !s.isEvictable(child) {
			return false
		}
	}
	return true
}

// forget drops a directory and all below it.
func (s *Sensor) forget(d *directory) {
	for _, child := range d.children {
		s.forget(child)
	}
	for _, c := range d.files {
		s.found.remove(c)
		s.changed = true
	}
	s.unwatch(d)
	d.gone = true
	s.layers[d.depth].remembered--
	if d.above != nil {
		delete(d.above.children, d.name)
	}
}

// forgetFile drops a suspicious file that is none any more.
func (s *Sensor) forgetFile(d *directory, name string) {
	if c := d.files[name]; c != nil {
		s.found.remove(c)
		s.changed = true
	}
}
