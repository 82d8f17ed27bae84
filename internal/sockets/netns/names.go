package netns

import (
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	maxNames  = 1024 // of one directory
	namesTime = 200 * time.Millisecond
)

// nameReader knows namespaces by the names that ip-netns(8) gives them: it binds
// /proc/PID/ns/net to a file of that name.
type nameReader struct {
	root, first string        // of the host as the exporter sees it, and as pid 1 does
	guard       *hostfs.Guard // also the root may lie on a file system that does not answer
}

func newNameReader(root, proc string) *nameReader {
	return &nameReader{root: root, first: filepath.Join(proc, "1/root"), guard: hostfs.NewGuard(1)}
}

// read returns the names by the inode number of the namespace.
func (n *nameReader) read() (map[string]string, error) {
	return hostfs.Within(n.guard, namesTime, func() (map[string]string, error) {
		names := map[string]string{}
		err := errors.Join(
			addNames(n.root, "run/netns", names),
			addNames(n.root, "var/run/netns", names),
			addNames(n.first, "run/netns", names))
		return names, err
	})
}

// addNames adds those of a directory below a root, which may be missing.
func addNames(rootName, name string, names map[string]string) error {
	root, err := hostfs.OpenRoot(rootName)
	if err != nil {
		return ignoreAbsent(err)
	}
	defer root.Close()
	directory, err := root.Directory(name)
	if err != nil {
		return ignoreAbsent(err)
	}
	defer directory.Close()
	entries, err := directory.Readdirnames(maxNames)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, entry := range entries {
		file, err := root.File(path.Join(name, entry), unix.O_PATH)
		if err != nil {
			continue
		}
		var stat unix.Stat_t
		err = unix.Fstat(int(file.Fd()), &stat)
		file.Close()
		if id := strconv.FormatUint(stat.Ino, 10); err == nil && names[id] == "" {
			names[id] = entry
		}
	}
	return nil
}

// ignoreAbsent drops the error where nobody has named a namespace, or where the exporter
// may not look: namespaces then go without names.
func ignoreAbsent(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil
	}
	return err
}
