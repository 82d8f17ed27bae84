package files

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	openForNames = 16  // directories of a layer that are listed at the same time
	openForRest  = 4   // and those whose files are looked at one by one
	namesTurn    = 512 // names of one directory before others have their turn
	restTurn     = 256
	restEvery    = 4 // rounds of names for one of the rest: new directories shall not hold it up for ever
)

// queue is directories that are listed, and those that wait for it.
type queue struct {
	waiting []*listing
	open    []*listing
}

// pass is one sample's share of the work.
type pass struct {
	sensor   *Sensor
	cpu      time.Duration // of the thread, when it may take no more
	deadline time.Time     // so that it waits for disks no longer than it may
	names    int           // that may still be looked at
	buffer   []byte        // for names
	head     []byte        // for the start of a file
}

func (p *pass) spent() bool {
	return p.names <= 0 || !time.Now().Before(p.deadline) || p.sensor.options.CPUTime() >= p.cpu
}

// waitRatio is how much longer a sample may take than the CPU time that it may use: it
// waits for disks, and for its turn on a busy host.
const waitRatio = 4

// allow sets how much CPU time may be used from now on.
func (p *pass) allow(most time.Duration) {
	p.cpu = p.sensor.options.CPUTime() + most
	p.deadline = time.Now().Add(waitRatio * most)
}

// list has a directory listed when its turn comes.
func (s *Sensor) list(d *directory) {
	if d.listing != nil {
		d.again = true
		return
	}
	d.listing = &listing{directory: d, fd: -1}
	names := &s.layers[d.depth].names
	names.waiting = append(names.waiting, d.listing)
}

// run goes on with the listings, layer by layer and in turns, until all are done or the
// budget is spent. So neither a huge nor a deep directory keeps it from its neighbours.
func (p *pass) run() {
	for round := 1; !p.spent(); round++ {
		moved := false
		for depth := range slices.Backward(p.sensor.layers) {
			moved = p.round(p.sensor.layers[depth], false) || moved
		}
		if moved && round%restEvery != 0 {
			continue
		}
		for _, l := range p.sensor.layers {
			moved = p.round(l, true) || moved
		}
		if !moved {
			return
		}
	}
}

// round gives every listing of a layer one turn. It returns whether that got anywhere.
func (p *pass) round(l *layer, rest bool) (moved bool) {
	q, most, turn := &l.names, openForNames, namesTurn
	if rest {
		q, most, turn = &l.rest, openForRest, restTurn
	}
	for len(q.open) < most && len(q.waiting) > 0 && !p.spent() {
		next := q.waiting[0]
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		moved = true
		if !next.directory.gone && p.open(next) {
			q.open = append(q.open, next)
			continue
		}
		p.end(next)
	}
	turns := slices.Clone(q.open)
	for _, next := range turns {
		if p.spent() {
			break
		}
		how := isOver
		if !next.directory.gone {
			how = p.turn(next, rest, turn)
		}
		moved = moved || how != hasNoRoom
		if how != isOver {
			continue
		}
		q.open = slices.DeleteFunc(q.open, func(other *listing) bool { return other == next })
		if d := next.directory; !rest && next.batches > 0 && !d.gone && !d.unreadable {
			l.rest.waiting = append(l.rest.waiting, next)
		} else {
			p.finish(next)
		}
		next.close()
	}
	// Whoever had his turn comes last the next time.
	if n := len(q.open); n > 1 {
		q.open = append(q.open[1:], q.open[0])
	}
	return moved
}

func (l *listing) close() {
	if l.fd >= 0 {
		hostfs.CloseFD(l.fd)
		l.fd = -1
	}
}

// finish ends a listing that has seen everything.
func (p *pass) finish(l *listing) {
	s, d := p.sensor, l.directory
	if !d.gone && !d.unreadable {
		for name, c := range d.files {
			if c.looked.Before(l.began) { // it was not among the names
				p.look(d, l.fd, name, time.Time{}, &l.omitted)
			}
		}
		d.listed, d.mtime, d.names, d.omitted = l.began, l.mtime, l.names, l.omitted
		d.lost = d.lost && d.again
		s.layers[d.depth].finished(d, s.options.Limits.Directories)
	}
	p.end(l)
}

// end ends a listing, whatever came of it.
func (p *pass) end(l *listing) {
	d := l.directory
	d.listing = nil
	if d.again && !d.gone {
		d.again = false
		p.sensor.list(d)
	}
}

// sweep ends the listings of directories that are gone: a file system shall not be held.
func (s *Sensor) sweep() {
	for _, l := range s.layers {
		for _, q := range []*queue{&l.names, &l.rest} {
			q.open = slices.DeleteFunc(q.open, func(open *listing) bool {
				if open.directory.gone {
					open.close()
				}
				return open.directory.gone
			})
			q.waiting = slices.DeleteFunc(q.waiting, func(waiting *listing) bool { return waiting.directory.gone })
		}
	}
}

// isListing tells whether there is more to list.
func (s *Sensor) isListing() bool {
	return slices.ContainsFunc(s.layers, func(l *layer) bool {
		return len(l.names.waiting)+len(l.names.open)+len(l.rest.waiting)+len(l.rest.open) > 0
	})
}

// check finds out whether a directory has changed that nobody tells about, and looks
// again at what lies there.
func (p *pass) check(d *directory) {
	if d.gone || d.listing != nil {
		return
	}
	fd, stat, ok := p.openDirectory(d)
	p.names--
	if !ok {
		return
	}
	defer hostfs.CloseFD(fd)
	if !d.known() || stat.Mtim != d.mtime {
		p.sensor.list(d)
	}
	for name := range d.files {
		p.names--
		p.look(d, fd, name, time.Time{}, &d.omitted)
	}
}

// named looks at a name of which something was told, whatever it is now.
func (p *pass) named(d *directory, fd int, name string, isNew bool) {
	s := p.sensor
	var stat unix.Stat_t
	err := s.opener.stat(fd, name, &stat)
	p.names--
	isDirectory := err == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR
	if child := d.children[name]; child != nil && (!isDirectory || child.id.Inode != stat.Ino || child.id.Dev != stat.Dev) && child.id.Inode != 0 {
		s.forget(child)
	}
	if !isDirectory {
		omitted := &d.omitted
		if !isNew {
			omitted = &tally{} // it is counted already
		}
		p.look(d, fd, name, time.Time{}, omitted)
		return
	}
	s.forgetFile(d, name)
	if !s.child(d, name) {
		d.lost = true
		s.list(d) // it waits until there is room
	}
}
