package hostfs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	// ErrRemote is the answer for what lies on a file system that may hang.
	ErrRemote = errors.New("a network or FUSE file system may hang and is not read")
	// ErrKind is the answer for what is no regular file, or no directory.
	ErrKind = errors.New("it is neither the file nor the directory that it should be")
	// ErrOwner is the answer for what belongs to another user than the one who names it.
	ErrOwner = errors.New("it belongs to another user than whoever names it, and is not opened")
)

// Root is a directory below which files are opened as the host that it belongs to
// would: links are followed, but never out of the root, and neither a device, a
// FIFO nor another machine can hold the caller up. Its methods change nothing, so
// that a call may be left behind. Errors are ErrRemote, ErrKind, ErrOwner and the bare errno of
// a system call: the caller knows the name, and how to escape it.
type Root struct {
	file   *os.File
	device uint64 // of the root: a file system that is taken whatever it is
	plain  bool   // openat2(2) is missing (before Linux 5.6) or forbidden
	host   bool   // the root is /
}

// OpenRoot opens a root directory. The caller closes it.
func OpenRoot(name string) (*Root, error) {
	file, err := os.OpenFile(name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("open the root directory %q: %w", name, err)
	}
	r := &Root{file: file, host: filepath.Clean(name) == "/"}
	stat, err := Stat(file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("root directory %q: %w", name, err)
	}
	r.device = stat.Dev
	fd, err := unix.Openat2(unix.AT_FDCWD, "/", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC})
	r.plain = err != nil
	if err == nil {
		CloseFD(fd)
	}
	return r, nil
}

// Local refuses a root that itself lies on a file system that may hang (ErrRemote):
// the other methods take what lies on the same file system as the root.
func (r *Root) Local() error { return checkLocal(r.file, r.device, 0) }

// Plain has the root do without openat2(2), as on an old kernel.
func (r *Root) Plain() { r.plain = true }

// Close closes the root.
func (r *Root) Close() { r.file.Close() }

// File opens a name with the flags of open(2).
func (r *Root) File(name string, flags int) (*os.File, error) {
	fd, err := r.open(name, flags|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Regular opens a regular file on a local file system for reading. It looks
// before it opens, for to open a device may do something.
func (r *Root) Regular(name string) (*os.File, error) {
	return r.reopen(name, wanted{kind: unix.S_IFREG}, unix.O_RDONLY|unix.O_NONBLOCK)
}

// RegularOf is Regular for a name that a user has chosen: he gets no file of others read.
func (r *Root) RegularOf(uid uint32, name string) (*os.File, error) {
	return r.reopen(name, wanted{kind: unix.S_IFREG, owned: true, uid: uid}, unix.O_RDONLY|unix.O_NONBLOCK)
}

// Directory opens a directory on a local file system for reading.
func (r *Root) Directory(name string) (*os.File, error) {
	return r.reopen(name, wanted{kind: unix.S_IFDIR}, unix.O_RDONLY|unix.O_DIRECTORY)
}

// DirectoryOf is RegularOf for a directory.
func (r *Root) DirectoryOf(uid uint32, name string) (*os.File, error) {
	return r.reopen(name, wanted{kind: unix.S_IFDIR, owned: true, uid: uid}, unix.O_RDONLY|unix.O_DIRECTORY)
}

func (r *Root) reopen(name string, want wanted, flags int) (*os.File, error) {
	seen, err := r.File(name, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer seen.Close()
	return reopen(seen, name, r.device, want, flags)
}

// CheckLocal refuses a file on a file system on which a system call may block for
// as long as another machine or another user's program likes. device is st_dev of
// the file.
func (r *Root) CheckLocal(file *os.File, device uint64) error {
	return checkLocal(file, device, r.device)
}

func (r *Root) open(name string, flags int) (int, error) {
	root := int(r.file.Fd())
	if !r.plain {
		how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
		return Retry(func() (int, error) { return unix.Openat2(root, name, &how) })
	}
	if r.host {
		return Retry(func() (int, error) { return unix.Open(name, flags, 0) })
	}
	// Without openat2 a link could lead out of the root: it is an error here.
	at, err := Retry(func() (int, error) { return unix.Openat(root, ".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	elements := strings.FieldsFunc(path.Clean("/"+name), func(c rune) bool { return c == '/' })
	for i, element := range elements {
		if err != nil {
			return -1, err
		}
		above, next := at, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC
		if i == len(elements)-1 {
			next = flags
		}
		at, err = Retry(func() (int, error) { return unix.Openat(above, element, next|unix.O_NOFOLLOW, 0) })
		CloseFD(above)
	}
	return at, err
}

// Stat is fstat(2) of an open file.
func Stat(file *os.File) (unix.Stat_t, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return stat, fmt.Errorf("stat: %w", err)
	}
	return stat, nil
}

// CloseFD closes what was only read: nothing can be lost by it.
func CloseFD(fd int) { _ = unix.Close(fd) }

// Retry repeats a system call that a signal has interrupted (EINTR).
func Retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
