package packages

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// paths are those that one question is about, under every name that a package may
// have for them, and whom they belong to.
type paths struct {
	asked  map[string]string // a name -> the path that was asked about
	owners map[string][]owner
}

func newPaths(asked []string, aliases []alias) *paths {
	p := &paths{asked: map[string]string{}, owners: map[string][]owner{}}
	for _, name := range asked {
		p.asked[name] = name
		p.owners[name] = nil
		for _, alias := range aliases {
			if below, ok := strings.CutPrefix(name, alias.directory+"/"); ok {
				p.asked[alias.name+"/"+below] = name
			}
		}
	}
	return p
}

// asks tells whether anybody has asked for a name.
func (p *paths) asks(name string) bool {
	_, ok := p.asked[name]
	return ok
}

// add notes whom a name belongs to, if anybody has asked for it.
func (p *paths) add(name string, owner owner) {
	if asked, ok := p.asked[name]; ok {
		p.owners[asked] = append(p.owners[asked], owner)
	}
}

// alias is a link by which packages may name what lies in a directory.
type alias struct {
	name, directory string
}

// aliasesOf finds the directories of a host that are the same under two names: a
// package that has /bin/sh owns /usr/bin/sh where /bin is a link (the merge of /usr).
// The kernel shows programs under the names without links.
func aliasesOf(root *hostfs.Root) []alias {
	directories := map[model.FileID]string{} // those that are no links
	ids := map[string]model.FileID{}
	var links []string
	for _, name := range []string{
		"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec",
		"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
	} {
		id, link, ok := identify(root, name)
		switch {
		case !ok:
		case link:
			links, ids[name] = append(links, name), id
		default:
			directories[id] = name
		}
	}
	var aliases []alias
	for _, link := range links {
		if directory, ok := directories[ids[link]]; ok {
			aliases = append(aliases, alias{link, directory})
		}
	}
	return aliases
}

// identify tells which directory a name leads to, and whether it is a link.
func identify(root *hostfs.Root, name string) (id model.FileID, link, ok bool) {
	parent, err := root.File(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return id, false, false
	}
	defer parent.Close()
	var own unix.Stat_t
	if err := unix.Fstatat(int(parent.Fd()), path.Base(name), &own, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return id, false, false
	}
	file, err := root.File(name, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return id, false, false
	}
	defer file.Close()
	stat, err := hostfs.Stat(file)
	return model.FileID{Dev: stat.Dev, Inode: stat.Ino}, own.Mode&unix.S_IFMT == unix.S_IFLNK, err == nil
}
