package packages

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// hashBudget is how much of new programs one question compares, in bytes; a larger one
// is compared alone.
const hashBudget = 256 << 20

// Why a state is unknown or unchecked, words that follow "because".
const (
	whyNoDatabase = "the host has no database of packages that is known"
	whyOtherFile  = "the host has another file, or none, under this path, as for a program of a container"
	whyLater      = "it is still to be compared"
	whyTooLarge   = "it is too large to be compared"
	whyPrelinked  = "prelink(8) changes the programs of this host"
	whyUnsettled  = "it was changed less than a minute ago, as while packages are installed"
)

// anchors are programs that every distribution has: whoever owns one of them installs
// the system, and not only what somebody put beside it.
func anchors() []string {
	return []string{"/usr/bin/env", "/usr/bin/coreutils", "/bin/busybox", "/usr/bin/busybox"}
}

// question is about some programs. It may be left behind (hostfs.Within), so that it
// shares nothing with whoever asks but contents.
type question struct {
	root      string
	databases []database
	programs  []model.ProgramFile
	known     ownership // of earlier questions
	contents  *contents
	scan      bool // databases and programs may be read; otherwise only what is known is used
}

// ownership is what the databases said, for as long as they stay as they were.
type ownership struct {
	stamps map[string]stamp
	owners map[string][]owner
	system bool // one of the databases owns the system
}

// answer is what a question found.
type answer struct {
	ownership
	facts   map[model.ProgramFile]model.PackageFact
	keys    map[model.ProgramFile]hostfs.ContentKey
	waiting bool // more has to be read for some of it
}

// ask answers. An error is about the databases as a whole: nothing is known then.
func (q question) ask() (answer, error) {
	root, err := hostfs.OpenRoot(q.root)
	if err != nil {
		return answer{}, err
	}
	defer root.Close()
	stamps, present, lastChange, err := q.stamps(root)
	if err != nil {
		return answer{}, err
	}
	a := answer{
		ownership: ownership{stamps: stamps, owners: map[string][]owner{}},
		facts:     map[model.ProgramFile]model.PackageFact{}, keys: map[model.ProgramFile]hostfs.ContentKey{},
	}
	if same(stamps, q.known.stamps) {
		a.ownership = q.known
	}
	var unknown []string
	for _, p := range q.programs {
		if _, ok := a.owners[p.Path]; !ok && !slices.Contains(unknown, p.Path) {
			unknown = append(unknown, p.Path)
		}
	}
	if len(unknown) > 0 && len(present) > 0 {
		if a.waiting = !q.scan; !a.waiting {
			if a.ownership, err = readOwners(root, present, a.ownership, unknown); err != nil {
				return answer{}, err
			}
		}
	}
	prelinked := exists(root, "/etc/prelink.cache")
	budget := int64(0)
	if q.scan {
		budget = hashBudget
	}
	for _, p := range q.programs {
		fact := model.PackageFact{LastChange: lastChange, Why: whyNoDatabase}
		if len(present) > 0 {
			var key hostfs.ContentKey
			key, budget = q.fact(root, p, &a.ownership, &fact, budget)
			a.keys[p] = key
		}
		if fact.State == model.PackageAltered && prelinked {
			fact.State, fact.Why = model.PackageUnchecked, whyPrelinked
		}
		a.facts[p] = fact
	}
	return a, nil
}

// stamps looks at the databases without reading them: which there are, and when they
// last changed. Where ostree puts a system together from links, it changes ctimes at any
// time, so that there is no last change.
func (q question) stamps(root *hostfs.Root) (stamps map[string]stamp, present []database, last time.Time, err error) {
	stamps = map[string]stamp{}
	for _, database := range q.databases {
		found := false
		for _, name := range database.files() {
			stamp, newest, err := stampOf(root, name)
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
				continue
			case err != nil:
				return nil, nil, time.Time{}, err
			}
			stamps[name] = stamp
			if stamp.size == 0 {
				continue // a tool's empty database, or a log that SQLite makes anew for each look
			}
			found = true
			if newest.After(last) {
				last = newest
			}
		}
		if found {
			present = append(present, database)
		}
	}
	if exists(root, "/run/ostree-booted") {
		last = time.Time{}
	}
	return stamps, present, last, nil
}

func same(a, b map[string]stamp) bool {
	if len(a) != len(b) {
		return false
	}
	for name, stamp := range a {
		if b[name] != stamp {
			return false
		}
	}
	return true
}

// readOwners reads the databases for some paths, and adds what they say to what is known.
func readOwners(root *hostfs.Root, present []database, known ownership, names []string) (ownership, error) {
	l := newLook(root)
	paths := newPaths(append(anchors(), names...), aliasesOf(root))
	for _, database := range present {
		if err := database.owners(l, paths); err != nil {
			return ownership{}, fmt.Errorf("read the database of packages: %w", err)
		}
	}
	all := ownership{stamps: known.stamps, system: known.system, owners: paths.owners}
	for _, anchor := range anchors() {
		all.system = all.system || len(paths.owners[anchor]) > 0
	}
	for name, owners := range known.owners {
		all.owners[name] = owners
	}
	return all, nil
}

// fact fills in whose file one program is. It returns the rest of the budget.
func (q question) fact(
	root *hostfs.Root, p model.ProgramFile, known *ownership, fact *model.PackageFact, budget int64,
) (hostfs.ContentKey, int64) {
	file, program, err := openProgram(root, p.Path)
	if err == nil {
		defer file.Close()
	}
	owners, asked := known.owners[p.Path]
	switch {
	case err != nil && !hostfs.Vanished(err):
		fact.Why = fmt.Sprintf("its file could not be read (%s)", hostfs.ReasonOf(err))
		return hostfs.ContentKey{}, budget
	case err != nil, program.id() != p.File:
		fact.Why = whyOtherFile
		return hostfs.ContentKey{}, budget
	case !asked:
		fact.Why = whyLater
		return program.key, budget
	}
	fact.Changed = program.changed
	switch {
	case len(owners) == 0 && known.system:
		fact.State, fact.Why = model.PackageUnowned, ""
		return program.key, budget
	case len(owners) == 0:
		fact.Why = whyNoDatabase
		return program.key, budget
	}
	fact.Manager, fact.Name = owners[0].manager, owners[0].name
	fact.State, fact.Why = model.PackageAltered, ""
	for _, owner := range owners {
		if owner.digest.algorithm == none {
			if fact.State == model.PackageAltered {
				fact.State, fact.Why = model.PackageUnchecked, owner.why
			}
			continue
		}
		if budget <= 0 && !q.contents.has(program.key, owner.digest.algorithm) {
			fact.State, fact.Why = model.PackageUnknown, whyLater
			return program.key, budget
		}
		sum, read, err := q.contents.digest(file, program.key, owner.digest.algorithm)
		budget -= read
		switch {
		case errors.Is(err, hostfs.ErrLimit):
			fact.State, fact.Why = model.PackageUnchecked, whyTooLarge
		case err != nil:
			fact.State, fact.Why = model.PackageUnknown, fmt.Sprintf("its file could not be read (%s)", hostfs.ReasonOf(err))
		case sum == owner.digest.hex:
			fact.State, fact.Why = model.PackageUnaltered, ""
			fact.Manager, fact.Name = owner.manager, owner.name
			return program.key, budget
		}
		if _, err := file.Seek(0, 0); err != nil {
			fact.State, fact.Why = model.PackageUnknown, "its file could not be read"
			return program.key, budget
		}
	}
	return program.key, budget
}

// exists tells whether a name is there.
func exists(root *hostfs.Root, name string) bool {
	file, err := root.File(name, unix.O_PATH)
	if err != nil {
		return false
	}
	file.Close()
	return true
}
