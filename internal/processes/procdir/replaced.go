package procdir

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	// maxVersionDepth is how far above its program the directory of a version may lie:
	// VERSION/bin/node, VERSION/server/node.
	maxVersionDepth = 4
	maxVersions     = 64 // directories that are looked into
)

// isReplaced tells whether a program whose file is gone was updated: another file has
// its name, or the directory of its version was removed and that of another version
// has a file of the same name (versions of Node below ~/.nvm, servers of editors).
// It looks below root, the root directory of the process, and may hang.
func isReplaced(root, name string) bool {
	if exists(filepath.Join(root, name)) {
		return true
	}
	elements := strings.Split(strings.TrimPrefix(filepath.Clean(name), "/"), "/")
	for depth := 1; depth <= maxVersionDepth; depth++ {
		at := len(elements) - 1 - depth // of the version
		if at < 2 {
			return false // never beside a whole home
		}
		versions := filepath.Join(root, filepath.Join(elements[:at]...))
		if !isDirectory(versions) || exists(filepath.Join(versions, elements[at])) {
			continue // removed too, or this part of the path is still there
		}
		others, err := hostfs.ReadNames(versions, maxVersions)
		if err != nil {
			continue
		}
		for _, other := range others {
			if exists(filepath.Join(versions, other, filepath.Join(elements[at+1:]...))) {
				return true
			}
		}
		return false
	}
	return false
}

func exists(name string) bool {
	var stat unix.Stat_t
	return unix.Lstat(name, &stat) == nil
}

func isDirectory(name string) bool {
	var stat unix.Stat_t
	return unix.Lstat(name, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR
}
