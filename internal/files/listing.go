package files

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

const (
	batchBytes = 16 << 10 // of names that are read at a time
	clockEvery = 16       // names are looked at between two looks at the clock
)

// listing is a directory that is being listed, twice if it is large: first the names
// that tell something by themselves, of hidden files, known miners and directories;
// then all others, of which each must be asked what it is. It stays open from one
// sample to the next, so that it goes on where it was whatever came and went meanwhile.
type listing struct {
	directory *directory
	fd        int // -1 while it is closed
	began     time.Time
	since     time.Time // what has not changed since then was looked at before; zero: nothing was
	mtime     unix.Timespec
	offset    int64 // of the next name, as the file system counts
	names     int
	batches   int
	omitted   tally
}

// progress is how a turn of a listing ended.
type progress uint8

const (
	isOver    progress = iota
	hasMore            // its turn is over, or the budget is spent
	hasNoRoom          // what it found must wait for others to be done
)

// open begins a listing, or goes on with it. It returns false if there is nothing to
// list.
func (p *pass) open(l *listing) bool {
	s, d := p.sensor, l.directory
	fd, stat, ok := p.openDirectory(d)
	if !ok {
		return false
	}
	l.fd, l.offset = fd, 0
	if !l.began.IsZero() {
		return true // with what is left after the names
	}
	l.began, l.mtime = time.Now(), stat.Mtim
	if !d.listed.IsZero() && !d.unread && d.omitted.sum() == 0 {
		l.since = d.listed.Add(-clockSlack)
	}
	d.evicted, d.tooDeep, d.unread = false, false, false
	s.follow(d, fd) // before it is read, so that nothing is missed
	return true
}

// clockSlack is by how much the clock of a file system is behind ours: the kernel takes
// times of files from its last tick.
const clockSlack = 2 * time.Second

// openDirectory opens a directory of which all is right, and forgets it if it is gone.
func (p *pass) openDirectory(d *directory) (int, *unix.Stat_t, bool) {
	s := p.sensor
	err := s.reach(d.watched)
	fd := -1
	if err == nil {
		fd, err = s.opener.open(d)
	}
	var stat unix.Stat_t
	if err == nil {
		if err = unix.Fstat(fd, &stat); err != nil {
			hostfs.CloseFD(fd)
		}
	}
	id := model.FileID{Dev: stat.Dev, Inode: stat.Ino}
	switch {
	case errors.Is(err, unix.EXDEV):
		d.elsewhere = true
		s.errors.mounted(d.path())
		return -1, nil, false
	case err != nil && hasVanished(err) && d.above != nil:
		s.forget(d)
		return -1, nil, false
	case err != nil:
		d.unreadable = true
		s.errors.unreadable(d.path(), err)
		return -1, nil, false
	case d.above != nil && s.tops[id]:
		hostfs.CloseFD(fd)
		d.elsewhere = true
		return -1, nil, false
	case d.id != id && d.id != (model.FileID{}):
		// Another directory has taken its place: nothing that is known of it holds.
		for _, child := range d.children {
			s.forget(child)
		}
		for name := range d.files {
			s.forgetFile(d, name)
		}
		s.unwatch(d)
		d.listed, d.omitted, d.isEnvironment, d.again = time.Time{}, tally{}, false, d.listing != nil
	}
	d.id, d.unreadable, d.elsewhere = id, false, false
	return fd, &stat, true
}

// turn reads on in a directory, at most a number of names.
func (p *pass) turn(l *listing, rest bool, most int) progress {
	small := 0 // bytes of the only batch so far
	for most > 0 {
		n, err := hostfs.Retry(func() (int, error) { return unix.Getdents(l.fd, p.buffer) })
		if err != nil {
			p.broke(l, err)
			return isOver
		}
		if n <= 0 {
			if small > 0 { // all of its names are still here
				if _, how := p.entries(l, p.buffer[:small], true); how == isOver {
					l.batches = 0
				}
			}
			return isOver
		}
		if !rest {
			l.batches++
		}
		seen, how := p.entries(l, p.buffer[:n], rest)
		most -= seen
		if how != isOver {
			return how
		}
		small = 0
		if !rest && l.batches == 1 {
			small = n
		}
	}
	return hasMore
}

// entries looks at the names of a batch (getdents(2)). If it stops before the last, the
// next batch begins with the first that it did not look at.
func (p *pass) entries(l *listing, batch []byte, rest bool) (seen int, how progress) {
	for at := 0; at+direntName < len(batch); seen++ {
		entry := batch[at:]
		length := int(binary.NativeEndian.Uint16(entry[16:]))
		if length <= direntName || length > len(entry) {
			break // the kernel makes none
		}
		name := unix.ByteSliceToString(entry[direntName:length])
		stopped := isOver
		switch {
		case seen%clockEvery == clockEvery-1 && p.spent():
			stopped = hasMore
		case name == "." || name == "..":
		case !p.entry(l, entry[18], name, rest):
			stopped = hasNoRoom
		}
		if stopped != isOver {
			_, _ = unix.Seek(l.fd, l.offset, unix.SEEK_SET) // cannot fail: it was there
			return seen, stopped
		}
		l.offset = int64(binary.NativeEndian.Uint64(entry[8:]))
		at += length
		p.names--
		if !rest {
			l.names++
		}
	}
	return seen, isOver
}

// direntName is where the name begins in struct linux_dirent64.
const direntName = 19

// entry looks at one name. That opens nothing but regular files: no FIFO waits, no
// device acts. It returns false if there is no room for what the name stands for.
func (p *pass) entry(l *listing, kind byte, name string, rest bool) bool {
	d := l.directory
	tells := p.sensor.tells(name)
	switch kind {
	case unix.DT_DIR:
		return rest || p.sensor.child(d, name)
	case unix.DT_REG:
		if rest == tells {
			return true // its turn is the other one
		}
	case unix.DT_UNKNOWN: // some file systems do not say
		var stat unix.Stat_t
		if p.sensor.opener.stat(l.fd, name, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR {
			return rest || p.sensor.child(d, name)
		}
		if rest == tells {
			return true
		}
	default:
		return true
	}
	p.look(d, l.fd, name, l.since, &l.omitted)
	return true
}

// tells tells whether a name alone says that a file is to be looked at first.
func (s *Sensor) tells(name string) bool {
	return place.IsHiddenName(name) || name == environmentFile || s.options.KnownMiner(name)
}

// broke ends a listing that failed.
func (p *pass) broke(l *listing, err error) {
	d := l.directory
	if hasVanished(err) && d.above != nil {
		p.sensor.forget(d)
		return
	}
	d.unreadable = true
	p.sensor.errors.unreadable(d.path(), err)
}
