package containers

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	maxFile     = 1 << 20   // bytes of a file about one container; Docker's have some 5 KiB, with much in the environment 100
	maxList     = 4 << 20   // bytes of a file about all of them
	maxUserList = 512 << 10 // likewise, of a user's
	maxListed   = 4096      // containers that are remembered of a file
	maxNames    = 4096      // of a directory
)

// files reads those of one user's runtimes.
type files struct {
	root  *hostfs.Root
	owner uint32 // 0: the host's own
}

// read returns the content of a file, and what tells that it has changed. Of a user only files of his own
// are read: he may link to those of others.
func (f files) read(name string, limit int64) ([]byte, hostfs.ContentKey, error) {
	var file *os.File
	var err error
	if f.owner == 0 {
		file, err = f.root.Regular(name)
	} else {
		file, err = f.root.RegularOf(f.owner, name)
	}
	if err != nil {
		return nil, hostfs.ContentKey{}, failed(name, err)
	}
	defer file.Close()
	stat, err := hostfs.Stat(file)
	if err != nil {
		return nil, hostfs.ContentKey{}, failed(name, err)
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", hostfs.ErrLimit, limit)
	}
	if err != nil {
		return nil, hostfs.ContentKey{}, failed(name, err)
	}
	return content, hostfs.ContentKeyOf(&stat), nil
}

// key tells whether a file has changed, without reading it.
func (f files) key(name string) (hostfs.ContentKey, error) {
	file, err := f.root.File(name, unix.O_PATH)
	if err != nil {
		return hostfs.ContentKey{}, failed(name, err)
	}
	defer file.Close()
	stat, err := hostfs.Stat(file)
	if err != nil {
		return hostfs.ContentKey{}, failed(name, err)
	}
	return hostfs.ContentKeyOf(&stat), nil
}

// names lists a directory of the host's own runtimes, in no order.
func (f files) names(name string) ([]string, error) {
	directory, err := f.root.Directory(name)
	if err != nil {
		return nil, failed(name, err)
	}
	defer directory.Close()
	names, err := directory.Readdirnames(maxNames)
	if err != nil && err != io.EOF { //nolint:errorlint // it is never wrapped here
		return nil, failed(name, err)
	}
	return names, nil
}

// failed names the file. Its path may hold a home directory, so that it is quoted.
func failed(name string, err error) error { return fmt.Errorf("%q: %w", name, err) }

func parseUID(s string) (uid uint32, ok bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}
