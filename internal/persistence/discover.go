package persistence

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// candidate is a file that a location takes.
type candidate struct {
	statEntry
	location
	kind      model.PersistenceKind
	owner     string // who writes it; "" for root and the system
	unit      string // that a drop-in belongs to
	directory string // that it was found in
}

// discover finds the files of every location.
func (s *sample) discover() {
	for _, l := range systemLocations() {
		s.discoverAt(l)
	}
	n := len(s.homes.all)
	local := map[string]error{}
	for _, h := range s.homes.all {
		if h.root {
			s.discoverHome(h, local)
		}
	}
	for i := range n {
		if h := s.homes.all[(i+s.turn)%n]; !h.root {
			s.discoverHome(h, local)
		}
	}
}

func (s *sample) discoverHome(h home, local map[string]error) {
	if err := s.checkLocal(h.path, local); err != nil {
		if !isAbsent(err) {
			s.unreadable(h.path, err)
			s.unseen[h.path] = true
		}
		return
	}
	s.ofHome = 0
	for _, l := range homeLocations(h) {
		s.discoverAt(l)
	}
}

// checkLocal fails for a home that is not there or not local. The directories above
// it are asked first: looking below an automounted one would mount it, and might wait
// for a server that does not answer.
func (s *sample) checkLocal(directory string, known map[string]error) error {
	if err, ok := known[directory]; ok {
		return err
	}
	var err error
	if directory != "/" && directory != "." {
		err = s.checkLocal(path.Dir(directory), known)
	}
	if err == nil {
		host := s.host
		_, err = hostfs.Within(s.guard, lookLimit, func() (unix.Stat_t, error) { return host.stat(directory, unix.S_IFDIR) })
	}
	known[directory] = err
	return err
}

// discoverAt finds the files of one location.
func (s *sample) discoverAt(l location) {
	host := s.host
	if !l.directory {
		found, err := hostfs.Within(s.guard, lookLimit, func() (statEntry, error) { return host.look(l.path), nil })
		if err != nil {
			found = statEntry{path: l.path, err: err}
		}
		s.take(candidate{statEntry: found, location: l, kind: l.kind, directory: path.Dir(l.path)})
		return
	}
	found, ok := s.list(l.path, l.kind)
	if !ok {
		return
	}
	for _, file := range found.files {
		if kind, takes := l.accepts(path.Base(file.path)); takes {
			s.take(candidate{statEntry: file, location: l, kind: kind, directory: l.path})
		}
	}
	if l.units {
		s.dropIns(l, found.directories)
	}
}

// accepts reports whether a directory's file counts, and as what.
func (l location) accepts(base string) (model.PersistenceKind, bool) {
	if l.units {
		return kindOfUnit(base)
	}
	return l.kind, l.takes == nil || l.takes(base)
}

// dropIns adds NAME.d/*.conf of a directory of units.
func (s *sample) dropIns(l location, directories []string) {
	looked := 0
	for _, base := range directories {
		name, ok := unitOfDropIns(base)
		if !ok {
			continue
		}
		directory := l.path + "/" + base
		if looked++; looked > maxDropIns {
			s.unreadable(directory, errMany)
			s.partial[directory] = true
			continue
		}
		kind, _ := kindOfUnit(name)
		found, ok := s.list(directory, kind)
		if !ok {
			continue
		}
		for _, file := range found.files {
			if isConf(file.path) {
				s.take(candidate{statEntry: file, location: l, kind: kind, unit: strings.TrimPrefix(name, "."), directory: directory})
			}
		}
	}
}

// list looks into a directory, unless it is one that has another name too, as
// with a link from /lib to /usr/lib.
func (s *sample) list(directory string, kind model.PersistenceKind) (listing, bool) {
	host := s.host
	found, err := hostfs.Within(s.guard, 2*lookLimit, func() (listing, error) { return host.list(directory) })
	switch {
	case err != nil && isAbsent(err):
		return found, false
	case err != nil:
		s.unreadable(directory, err)
		s.unseen[directory] = true
		return found, false
	}
	if s.listed[kind] == nil {
		s.listed[kind] = map[model.FileID]bool{}
	}
	if s.listed[kind][found.id] {
		return found, false
	}
	s.listed[kind][found.id] = true
	s.share.Total++
	if found.truncated {
		s.errors.count(directory, errMany, 1)
		s.partial[directory] = true
	} else {
		s.share.Readable++
	}
	return found, true
}

// take adds a file, as long as there are not too many.
func (s *sample) take(c candidate) {
	if c.err != nil && isAbsent(c.err) || c.err == nil && c.programs && !c.executable {
		return
	}
	over, most := 0, 0
	if s.files++; s.files > maxFiles {
		over, most = s.files, maxFiles
	} else if c.home.owner() != "" {
		if s.ofHome++; s.ofHome > maxHomeFiles {
			s.files--
			over, most = s.ofHome, maxHomeFiles
		}
	}
	if over > most {
		s.share.Total++
		if over == most+1 {
			s.errors.count(c.directory, errMany, 1)
		}
		s.partial[c.directory] = true
		return
	}
	c.owner = s.ownerOf(&c)
	s.candidates = append(s.candidates, c)
}

// ownerOf is the user who writes a file, or "" for root and the system. What lies in a
// home is its user's, whoever owns the file: it may be a link.
func (s *sample) ownerOf(c *candidate) string {
	owner := ""
	switch {
	case c.home.path != "":
		return c.home.owner()
	case c.kind == model.PersistenceUserCrontab:
		owner = path.Base(c.statEntry.path)
	case c.kind == model.PersistenceAt && c.uid != 0:
		return s.options.Users.Name(c.uid)
	}
	if owner == "root" {
		return ""
	}
	return owner
}

// unreadable counts a directory or file that cannot be looked at.
func (s *sample) unreadable(name string, err error) {
	s.share.Total++
	s.errors.count(name, err, 1)
}
