package sockets

import (
	"errors"
	"io"
	"os"
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
	directories []string
	guard       *hostfs.Guard // something that never answers may be mounted there
}

func newNameReader(root, proc string) *nameReader {
	return &nameReader{guard: hostfs.NewGuard(1), directories: []string{
		filepath.Join(root, "run/netns"), filepath.Join(root, "var/run/netns"), filepath.Join(proc, "1/root/run/netns"),
	}}
}

// read returns the names by the inode number of the namespace.
func (n *nameReader) read() (map[string]string, error) {
	return hostfs.Within(n.guard, namesTime, func() (names map[string]string, err error) {
		names = map[string]string{}
		for _, directory := range n.directories {
			err = errors.Join(err, addNames(directory, names))
		}
		return names, err
	})
}

func addNames(directory string, names map[string]string) error {
	file, err := os.Open(directory)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil // nobody has named any, or they go without
	}
	if err != nil {
		return err
	}
	defer file.Close()
	entries, err := file.Readdirnames(maxNames)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, name := range entries {
		var stat unix.Stat_t
		if unix.Stat(filepath.Join(directory, name), &stat) != nil {
			continue
		}
		id := strconv.FormatUint(stat.Ino, 10)
		if names[id] == "" {
			names[id] = name
		}
	}
	return nil
}
