package persistence

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
)

// home is a user's home directory.
type home struct {
	user string
	path string
	root bool // one of its users is root
}

// owner is who writes the files in it: "" for root.
func (h home) owner() string {
	if h.root {
		return ""
	}
	return h.user
}

// homes are those of the users of the host.
type homes struct {
	table *passwd.Table // that they are taken from
	all   []home
	of    map[string]string // user -> home
	many  bool              // there are more than are looked at
}

// readHomes takes the homes out of passwd(5). What was known stays while the file
// cannot be read, so that no start-up file seems to be gone.
func (s *sample) readHomes() {
	_, err := hostfs.Within(s.guard, lookLimit, func() (struct{}, error) { return struct{}{}, s.options.Users.Refresh() })
	table := s.options.Users.Table()
	if errors.Is(err, fs.ErrNotExist) && table == nil {
		return // a root without users
	}
	if table != nil && table != s.homes.table {
		s.homes = homesOf(table)
	}
	if err == nil && s.homes.many {
		err = errMany
	}
	s.share.Total++
	if err == nil {
		s.share.Readable++
	} else {
		s.errors.count("/etc/passwd", err, 1)
	}
}

// homesOf finds each home once, under the first of the users who share it.
func homesOf(table *passwd.Table) homes {
	h := homes{table: table, of: map[string]string{}}
	seen := map[string]int{} // home -> its place in all
	for _, user := range table.Users {
		if !strings.HasPrefix(user.Home, "/") {
			continue
		}
		if len(h.of) >= maxHomes {
			h.many = true
			break
		}
		directory := path.Clean(user.Home)
		if _, taken := h.of[user.Name]; !taken {
			h.of[user.Name] = directory
		}
		at, known := seen[directory]
		if !known {
			at = len(h.all)
			seen[directory] = at
			h.all = append(h.all, home{user: user.Name, path: directory})
		}
		h.all[at].root = h.all[at].root || user.UID == 0
	}
	return h
}
