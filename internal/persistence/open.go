package persistence

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

var (
	errPartial = fmt.Errorf("%w: only the first %d bytes of a file", hostfs.ErrLimit, maxFileBytes)
	errMany    = fmt.Errorf("%w: there are too many files", hostfs.ErrLimit)
)

// reader looks at files of the host. Every method may be left behind by a guard, so
// none changes anything that others see.
type reader struct{ *hostfs.Root }

func newReader(root string) (*reader, error) {
	opened, err := hostfs.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("is --path.rootfs right?: %w", err)
	}
	return &reader{opened}, nil
}

// sighting is one file as a directory shows it.
type sighting struct {
	path string
	key  hostfs.ContentKey
	mode uint32
	link bool
	err  error
}

// look finds out what a name stands for. Only a regular file can hold anything
// that starts a program; for another it returns ErrNotExist.
func (r *reader) look(name string) sighting {
	seen := sighting{path: name}
	file, err := r.File(name, unix.O_PATH)
	if err != nil {
		seen.err = err
		return seen
	}
	defer file.Close()
	var stat unix.Stat_t
	if seen.err = unix.Fstat(int(file.Fd()), &stat); seen.err != nil {
		return seen
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		seen.err = unix.ENOENT
		return seen
	}
	seen.err = r.CheckLocal(file, stat.Dev)
	seen.key, seen.mode = hostfs.ContentKeyOf(&stat), stat.Mode
	return seen
}

// isLocalDirectory fails for what is no directory, or one of a network.
func (r *reader) isLocalDirectory(name string) error {
	file, err := r.File(name, unix.O_PATH) // O_DIRECTORY would mount it
	if err != nil {
		return err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.ENOTDIR
	}
	return r.CheckLocal(file, stat.Dev)
}

// listing is what lies in a directory.
type listing struct {
	id          model.FileID
	files       []sighting
	directories []string // names
	truncated   bool
	err         error
}

// list looks at every file of a directory.
func (r *reader) list(name string) listing {
	file, err := r.File(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return listing{err: err}
	}
	defer file.Close()
	var at unix.Stat_t
	if err = unix.Fstat(int(file.Fd()), &at); err == nil {
		err = r.CheckLocal(file, at.Dev)
	}
	if err != nil {
		return listing{err: err}
	}
	l := listing{id: model.FileID{Dev: at.Dev, Inode: at.Ino}}
	names, err := file.Readdirnames(maxPlaceFiles + 1)
	if len(names) > maxPlaceFiles {
		names, l.truncated = names[:maxPlaceFiles], true
	}
	if err != nil && len(names) == 0 && !isEnd(err) {
		l.err = err
		return l
	}
	slices.Sort(names)
	for _, base := range names {
		r.see(file, name, base, at.Dev, &l)
	}
	return l
}

// see adds one name of a directory to a listing.
func (r *reader) see(directory *os.File, above, base string, device uint64, l *listing) {
	var stat unix.Stat_t
	name := strings.TrimSuffix(above, "/") + "/" + base
	if err := unix.Fstatat(int(directory.Fd()), base, &stat, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT); err != nil {
		l.files = append(l.files, sighting{path: name, err: err})
		return
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		l.directories = append(l.directories, base)
	case unix.S_IFREG:
		if stat.Dev != device {
			l.files = append(l.files, r.look(name))
			return
		}
		l.files = append(l.files, sighting{path: name, key: hostfs.ContentKeyOf(&stat), mode: stat.Mode})
	case unix.S_IFLNK:
		seen := r.look(name)
		seen.link = true
		l.files = append(l.files, seen)
	}
}

// read returns the first bytes of a regular file, if it is still the one that
// was looked at. O_NONBLOCK keeps a FIFO in its place, or a lease of its owner
// (fcntl(2)), from holding the open up.
func (r *reader) read(seen sighting, most int64) ([]byte, error) {
	file, err := r.File(seen.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return nil, err
	}
	if hostfs.ContentKeyOf(&stat) != seen.key {
		return nil, unix.ESTALE
	}
	text := make([]byte, min(stat.Size, most))
	filled := 0
	for filled < len(text) {
		n, err := hostfs.Retry(func() (int, error) { return unix.Pread(int(file.Fd()), text[filled:], int64(filled)) })
		if err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			break
		}
		filled += n
	}
	return text[:filled], nil
}
