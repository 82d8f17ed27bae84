package persistence

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// survey lists the files of every place.
func (r *round) survey() {
	for _, p := range systemPlaces() {
		r.place(p)
	}
	n := len(r.homes.all)
	local := map[string]error{}
	for i := range n {
		h := r.homes.all[(i+r.turn)%n]
		if err := r.reach(h.path, local); err != nil {
			if !isAbsent(err) {
				r.unreadable(h.path, err)
				r.kept[h.path] = true
			}
			continue
		}
		for _, p := range homePlaces(h) {
			r.place(p)
		}
	}
}

// reach tells whether a home is there and is local. The directories above it are
// asked first: looking below an automounted one would mount it, and might wait
// for a server that does not answer.
func (r *round) reach(directory string, known map[string]error) error {
	if err, ok := known[directory]; ok {
		return err
	}
	var err error
	if directory != "/" && directory != "." {
		err = r.reach(path.Dir(directory), known)
	}
	if err == nil {
		reader := r.reader
		_, err = hostfs.Within(r.guard, lookLimit, func() (struct{}, error) { return struct{}{}, reader.isLocalDirectory(directory) })
	}
	known[directory] = err
	return err
}

// place adds the files of one place.
func (r *round) place(p place) {
	reader := r.reader
	if !p.directory {
		seen, err := hostfs.Within(r.guard, lookLimit, func() (sighting, error) { return reader.look(p.path), nil })
		if err != nil {
			seen = sighting{path: p.path, err: err}
		}
		r.take(candidate{sighting: seen, place: p, kind: p.kind, directory: path.Dir(p.path)})
		return
	}
	found, ok := r.list(p.path, p.kind)
	if !ok {
		return
	}
	for _, seen := range found.files {
		kind, takes := p.accepts(path.Base(seen.path))
		if takes {
			r.take(candidate{sighting: seen, place: p, kind: kind, directory: p.path})
		}
	}
	if p.units {
		r.dropIns(p, found.directories)
	}
}

// accepts tells whether a directory's file counts, and as what.
func (p place) accepts(base string) (model.PersistenceKind, bool) {
	if p.units {
		return kindOfUnit(base)
	}
	return p.kind, p.takes == nil || p.takes(base)
}

// dropIns adds NAME.d/*.conf of a directory of units.
func (r *round) dropIns(p place, directories []string) {
	looked := 0
	for _, base := range directories {
		name, ok := unitOfDropIns(base)
		if !ok {
			continue
		}
		directory := p.path + "/" + base
		if looked++; looked > maxDropIns {
			r.unreadable(directory, errMany)
			r.silent[directory] = true
			continue
		}
		kind, _ := kindOfUnit(name)
		found, ok := r.list(directory, kind)
		if !ok {
			continue
		}
		for _, seen := range found.files {
			if isConf(seen.path) {
				r.take(candidate{sighting: seen, place: p, kind: kind, unit: strings.TrimPrefix(name, "."), directory: directory})
			}
		}
	}
}

// list looks into a directory, unless it is one that has another name too, as
// with a link from /lib to /usr/lib.
func (r *round) list(directory string, kind model.PersistenceKind) (listing, bool) {
	reader := r.reader
	found, err := hostfs.Within(r.guard, 2*lookLimit, func() (listing, error) { found := reader.list(directory); return found, found.err })
	switch {
	case err != nil && isAbsent(err):
		return found, false
	case err != nil:
		r.unreadable(directory, err)
		r.kept[directory] = true
		return found, false
	}
	if r.seen[kind] == nil {
		r.seen[kind] = map[model.FileID]bool{}
	}
	if r.seen[kind][found.id] {
		return found, false
	}
	r.seen[kind][found.id] = true
	r.share.Total++
	if found.truncated {
		r.troubles.count(directory, errMany, 1)
		r.silent[directory] = true
	} else {
		r.share.Readable++
	}
	return found, true
}

// take adds a file, as long as there are not too many.
func (r *round) take(c candidate) {
	if c.err != nil && isAbsent(c.err) {
		return
	}
	if r.files++; r.files > maxFiles {
		r.share.Total++
		if r.files == maxFiles+1 {
			r.troubles.count(c.directory, errMany, 1)
		}
		r.silent[c.directory] = true
		return
	}
	r.candidates = append(r.candidates, c)
}

// unreadable counts a directory or file that cannot be looked at.
func (r *round) unreadable(name string, err error) {
	r.share.Total++
	r.troubles.count(name, err, 1)
}
