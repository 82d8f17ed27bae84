package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

const (
	chunk         = 512                   // names read of a directory at a time
	maxUnfinished = 64                    // directories kept open for another turn
	shortestTurn  = 10 * time.Millisecond // less is not worth a turn
)

// walk looks through one watched directory, level by level. Each directory has
// turns: in one it may use half of what is left of the budgets. So neither a
// huge nor a deep directory keeps the walk from its neighbours, and the watched
// directory itself has the first and largest turn.
type walk struct {
	sensor     *Sensor
	limits     Limits
	root       *location
	watchedIDs map[model.FileID]bool // watched directories: they are counted under their own names
	seen       map[model.FileID]bool // directories of this walk
	entries    int                   // left of the budget
	deadline   time.Time

	waiting    []*location
	unfinished []*listing

	truncated bool
	share     model.Share // of the directories
	found     []*candidate
	watchable []*location
}

// location is a directory to look at.
type location struct {
	watched *watched
	above   *location // nil for the watched directory itself
	name    string
	depth   int
	hidden  bool // it, or a directory above it, below the watched one

	isEnvironment bool // it is a virtual environment of Python
}

// elements are the names from the watched directory down.
func (p *location) elements() []string {
	elements := make([]string, 0, p.depth)
	for ; p.above != nil; p = p.above {
		elements = append(elements, p.name)
	}
	slices.Reverse(elements)
	return elements
}

// listing is a directory that is being read.
type listing struct {
	location *location
	file     *os.File
	fd       int // of file
}

func newWalk(s *Sensor, directory *watched, watchedIDs map[model.FileID]bool) *walk {
	return &walk{
		sensor: s, limits: s.options.Limits, root: &location{watched: directory}, watchedIDs: watchedIDs, seen: map[model.FileID]bool{},
		entries: s.options.Limits.Entries, deadline: time.Now().Add(s.options.Limits.Time),
	}
}

func (w *walk) run() {
	directory := w.root.watched
	if directory.file == nil {
		w.share.Total++
		if directory.err == nil || errors.Is(directory.err, fs.ErrNotExist) {
			w.share.Readable++ // there is nothing to see, or it is seen under its first name
			return
		}
		w.sensor.errors.unreadable(directory.name, directory.err)
		return
	}
	w.waiting = append(w.waiting, w.root)
	for !w.spent() && len(w.waiting)+len(w.unfinished) > 0 {
		if len(w.waiting) > 0 {
			next := w.waiting[0]
			w.waiting = w.waiting[1:]
			if l := w.open(next); l != nil {
				w.turn(l)
			}
			continue
		}
		next := w.unfinished[0]
		w.unfinished = w.unfinished[1:]
		w.turn(next)
	}
	w.truncated = w.truncated || len(w.waiting)+len(w.unfinished) > 0
	for _, l := range w.unfinished {
		l.file.Close()
	}
}

func (w *walk) spent() bool { return w.entries <= 0 || time.Now().After(w.deadline) }

// open begins to list a directory. It returns nil if it cannot be listed, or was
// listed already.
func (w *walk) open(p *location) *listing {
	fd, err := w.sensor.opener.open(p)
	if err != nil {
		if !errors.Is(err, unix.EXDEV) && !hasVanished(err) {
			w.share.Total++
			w.sensor.errors.unreadable(p.path(), err)
		}
		return nil
	}
	file := os.NewFile(uintptr(fd), p.name)
	stat, err := hostfs.Stat(file)
	if err != nil {
		file.Close()
		w.share.Total++
		w.sensor.errors.unreadable(p.path(), err)
		return nil
	}
	id := model.FileID{Dev: stat.Dev, Inode: stat.Ino}
	if w.seen[id] || (p != w.root && w.watchedIDs[id]) {
		file.Close()
		return nil
	}
	w.seen[id] = true
	w.share.Total++
	w.share.Readable++
	w.watchable = append(w.watchable, p)
	return &listing{location: p, file: file, fd: fd}
}

// turn reads on in a directory, at least a chunk and at most half of what is
// left.
func (w *walk) turn(l *listing) {
	now := time.Now()
	until := now.Add(max(shortestTurn, w.deadline.Sub(now)/2))
	for allowed := max(chunk, w.entries/2); allowed > 0; {
		names, err := l.file.Readdirnames(min(chunk, allowed, w.entries))
		for i, name := range names {
			if i%16 == 0 && time.Now().After(w.deadline) {
				w.truncated = true
				break
			}
			w.entry(l, name)
		}
		w.entries -= len(names)
		allowed -= len(names)
		if err != nil || len(names) == 0 {
			if err != nil && !errors.Is(err, io.EOF) && !hasVanished(err) {
				w.share.Readable--
				w.sensor.errors.unreadable(l.location.path(), err)
			}
			l.file.Close()
			return
		}
		if w.spent() || time.Now().After(until) {
			break
		}
	}
	if len(w.unfinished) >= maxUnfinished {
		w.truncated = true
		l.file.Close()
		return
	}
	w.unfinished = append(w.unfinished, l)
}

// entry looks at one name. That opens nothing: no FIFO waits, no device acts.
func (w *walk) entry(l *listing, name string) {
	var stat unix.Stat_t
	if err := w.sensor.opener.stat(l.fd, name, &stat); err != nil {
		if !errors.Is(err, unix.EXDEV) && !hasVanished(err) {
			w.sensor.errors.unreadable(l.location.path()+"/"+name, err)
		}
		return
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		l.location.isEnvironment = l.location.isEnvironment || name == environmentFile
		w.examine(l.location, l.fd, name, &stat)
	case unix.S_IFDIR:
		if l.location.depth >= w.limits.Depth {
			w.truncated = true
			return
		}
		w.waiting = append(w.waiting, &location{
			watched: l.location.watched, above: l.location, name: name, depth: l.location.depth + 1,
			hidden: l.location.hidden || place.IsHiddenName(name),
		})
	}
}
