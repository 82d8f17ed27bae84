package files

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	settleTime = 100 * time.Millisecond // events come together for that long
	quietTime  = time.Second            // at least, between two signals
	maxEvents  = 16384                  // names that wait for a sample
	eventNames = 256                    // of them that a sample takes at a time
	eventBytes = 64 << 10               // of events that are read at a time
)

// watchMask is what may make a file suspicious, or end that (inotify(7)). What is written
// to a file counts when it is closed: as long as it is open for writing nobody can run it.
const watchMask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_DELETE | unix.IN_MOVED_FROM |
	unix.IN_ONLYDIR | unix.IN_EXCL_UNLINK

// eventKey is a name in a directory that inotify watches.
type eventKey struct {
	watch int32
	name  string
}

// events are the names of which inotify told, as long as they wait for a sample. Each is
// there once, whatever happened to it, so a storm at few names takes no room.
type events struct {
	inotify *os.File

	mu       sync.Mutex
	first    map[eventKey]uint32 // names that tell something by themselves, with what happened
	rest     map[eventKey]uint32
	dropped  map[int32]bool // watches of directories for whose names there was no room
	overflow bool           // the kernel had no room
	lost     uint64         // times that there was no room, here or there
}

// Watch follows changes of the directories that were listed (inotify(7)), and signals
// that there is something to look at, at most once a second. It returns nil when the
// context ends, or an error where there is no inotify.
func (s *Sensor) Watch(ctx context.Context, changed chan<- struct{}) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("changes are only seen at the next look (raise fs.inotify.max_user_instances?): %w", err)
	}
	e := &events{inotify: os.NewFile(uintptr(fd), "inotify"), first: map[eventKey]uint32{}, rest: map[eventKey]uint32{}, dropped: map[int32]bool{}}
	stop := context.AfterFunc(ctx, func() { e.inotify.Close() })
	defer stop()
	defer e.inotify.Close()
	s.events.Store(e)
	defer s.events.Store(nil)
	signal := func() {
		select {
		case changed <- struct{}{}:
		default: // a sample is due already
		}
	}
	signal() // directories that were listed before are to be watched
	buffer, last, due := make([]byte, eventBytes), time.Now(), time.Time{}
	for {
		if err := e.inotify.SetReadDeadline(due); err != nil && ctx.Err() == nil {
			return fmt.Errorf("changes are only seen at the next look: inotify has stopped: %w", err)
		}
		n, err := e.inotify.Read(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			last, due = time.Now(), time.Time{}
			signal()
			continue
		case err != nil:
			return fmt.Errorf("changes are only seen at the next look: inotify has stopped: %w", err)
		}
		if e.add(buffer[:n], s.tells) && due.IsZero() {
			due = later(time.Now().Add(settleTime), last.Add(quietTime))
		}
		select { // a read for every event would cost more than the events
		case <-ctx.Done():
		case <-time.After(settleTime):
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// add takes what was read (struct inotify_event). It returns whether there is something to
// look at.
func (e *events) add(read []byte, tells func(string) bool) (news bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(read) >= unix.SizeofInotifyEvent {
		watch, mask := int32(binary.NativeEndian.Uint32(read)), binary.NativeEndian.Uint32(read[4:])
		length := int(binary.NativeEndian.Uint32(read[12:]))
		name := read[unix.SizeofInotifyEvent:]
		if length > len(name) {
			return news // the kernel makes none
		}
		read, name = name[length:], name[:length]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			e.overflow, news = true, true
			e.lost++
			continue
		}
		key := eventKey{watch, unix.ByteSliceToString(name)}
		if key.name == "" && mask&unix.IN_IGNORED == 0 {
			continue // the directory itself
		}
		news = true
		names := e.rest
		if key.name == "" || tells(key.name) {
			names = e.first
		}
		if _, ok := names[key]; !ok && len(names) >= maxEvents {
			if !e.dropped[watch] {
				e.lost++
			}
			e.dropped[watch] = true
			continue
		}
		names[key] |= mask
	}
	return news
}

// event is something that happened to a name.
type event struct {
	eventKey
	mask uint32
}

// take hands out some of the names that wait, those that tell something first.
func (e *events) take() (taken []event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, names := range []map[eventKey]uint32{e.first, e.rest} {
		for key, mask := range names {
			if len(taken) >= eventNames {
				return taken
			}
			taken = append(taken, event{key, mask})
			delete(names, key)
		}
	}
	return taken
}

func (e *events) waiting() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.first)+len(e.rest) > 0
}

// losses hands out in which directories something was missed; all tells that it may be
// any of them.
func (e *events) losses() (watches map[int32]bool, all bool, lost uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	watches, all = e.dropped, e.overflow
	e.dropped, e.overflow = map[int32]bool{}, false
	return watches, all, e.lost
}

// watches are the directories that inotify watches. Sample alone uses them.
type watches struct {
	events      *events // nil while nobody watches
	directories map[int32]*directory
	byDepth     []int
	most        int    // that may be watched
	lost        uint64 // by all events so far
	before      uint64 // by earlier events
	logged      bool
}

func (w *watches) active() bool { return len(w.directories) > 0 }

// connect takes note that Watch has begun or ended.
func (s *Sensor) connect() {
	e, w := s.events.Load(), &s.watches
	if e == w.events {
		return
	}
	for _, d := range w.directories {
		d.watch = 0
	}
	*w = watches{events: e, directories: map[int32]*directory{}, byDepth: make([]int, len(s.layers)), most: w.most, lost: w.lost, before: w.lost, logged: w.logged}
	if e == nil {
		return
	}
	for _, root := range s.roots {
		if root.top == nil {
			continue
		}
		root.top.each(func(d *directory) {
			if d.listing == nil || !d.listing.began.IsZero() {
				s.list(d) // to be watched from its next listing on
			}
		})
	}
}

// follow has inotify watch a directory that is open, if there is room: those at the top
// come first.
func (s *Sensor) follow(d *directory, fd int) {
	w := &s.watches
	if w.events == nil || d.watch != 0 {
		return
	}
	if len(w.directories) >= w.most && !s.unwatchBelow(d.depth) {
		s.errors.unwatched()
		return
	}
	watch := -1
	err := control(w.events.inotify, func(inotify int) (err error) {
		watch, err = unix.InotifyAddWatch(inotify, "/proc/self/fd/"+strconv.Itoa(fd), watchMask)
		return err
	})
	if err != nil {
		if !hasVanished(err) && !errors.Is(err, os.ErrClosed) && !w.logged {
			w.logged = true
			level.Warn(s.options.Logger).Log("msg", "changes here are only seen at the next look (raise fs.inotify.max_user_watches?)",
				"directory", text.Escape(d.path()), "err", err)
		}
		return
	}
	if other := w.directories[int32(watch)]; other != nil { // the same directory, under an earlier name
		other.watch = 0
		w.byDepth[other.depth]--
	}
	d.watch = int32(watch)
	w.directories[d.watch] = d
	w.byDepth[d.depth]++
}

// control calls a function with the descriptor of a file, which nobody closes meanwhile.
func control(file *os.File, call func(fd int) error) error {
	connection, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	if err := connection.Control(func(fd uintptr) { failure = call(int(fd)) }); err != nil {
		return err
	}
	return failure
}

// unwatchBelow gives up the watch of a directory that lies deeper, if there is one.
func (s *Sensor) unwatchBelow(depth int) bool {
	w := &s.watches
	deepest := len(w.byDepth) - 1
	for deepest > depth && w.byDepth[deepest] == 0 {
		deepest--
	}
	if deepest <= depth {
		return false
	}
	for _, d := range w.directories {
		if d.depth == deepest {
			s.unwatch(d)
			return true
		}
	}
	return false
}

func (s *Sensor) unwatch(d *directory) {
	w := &s.watches
	if d.watch == 0 {
		return
	}
	_ = control(w.events.inotify, func(inotify int) error {
		_, err := unix.InotifyRmWatch(inotify, uint32(d.watch))
		return err // it has ended by itself
	})
	delete(w.directories, d.watch)
	w.byDepth[d.depth]--
	d.watch = 0
}

// events looks at what inotify told. It returns whether more of it waits.
func (p *pass) events() bool {
	s := p.sensor
	w := &s.watches
	if w.events == nil {
		return false
	}
	for !p.spent() {
		taken := w.events.take()
		if len(taken) == 0 {
			break
		}
		p.tell(taken)
	}
	missed, all, lost := w.events.losses()
	w.lost = w.before + lost
	for watch, d := range w.directories {
		if all || missed[watch] {
			d.lost = true
			s.list(d)
		}
	}
	return w.events.waiting()
}

// tell looks at some names, directory by directory.
func (p *pass) tell(taken []event) {
	s := p.sensor
	byDirectory := map[*directory][]event{}
	for _, e := range taken {
		d := s.watches.directories[e.watch]
		switch {
		case d == nil:
		case e.name == "": // IN_IGNORED
			s.watches.byDepth[d.depth]--
			delete(s.watches.directories, d.watch)
			d.watch = 0
			s.checks = append(s.checks, d)
		default:
			byDirectory[d] = append(byDirectory[d], e)
		}
	}
	for d, told := range byDirectory {
		if d.gone {
			continue
		}
		fd, _, ok := p.openDirectory(d)
		if !ok {
			continue
		}
		for _, e := range told {
			if !d.gone {
				p.named(d, fd, e.name, e.mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0)
			}
		}
		hostfs.CloseFD(fd)
	}
}
