package files

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// errRemote is why a watched directory is not looked at.
var errRemote = fmt.Errorf("%w: watch a local directory", hostfs.ErrRemote)

// opener opens files without being led elsewhere.
type opener struct {
	old bool // openat2(2) or statx(2) is missing (before Linux 5.6) or forbidden (seccomp)
}

func newOpener() opener {
	fd, err := unix.Openat2(unix.AT_FDCWD, "/", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC})
	if err != nil {
		return opener{old: true}
	}
	hostfs.CloseFD(fd)
	var x unix.Statx_t
	return opener{old: unix.Statx(unix.AT_FDCWD, "/", 0, unix.STATX_BASIC_STATS, &x) != nil}
}

// beneath opens one name in a directory, unless it is a link (ELOOP) or the
// mount point of another file system (EXDEV).
func (o opener) beneath(directory int, name string, flags int) (int, error) {
	flags |= unix.O_CLOEXEC | unix.O_NOFOLLOW
	if !o.old {
		how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV}
		return hostfs.Retry(func() (int, error) { return unix.Openat2(directory, name, &how) })
	}
	var above, at unix.Stat_t
	if err := unix.Fstat(directory, &above); err != nil {
		return -1, err
	}
	if err := o.stat(directory, name, &at); err != nil {
		return -1, err
	}
	if at.Dev != above.Dev {
		return -1, unix.EXDEV
	}
	if at.Mode&unix.S_IFMT == unix.S_IFLNK {
		return -1, unix.ELOOP
	}
	return hostfs.Retry(func() (int, error) { return unix.Openat(directory, name, flags, 0) })
}

// stat looks at one name in a directory, not through it if it is a link. It
// fills in the fields that the sensor uses. A file system that is mounted there
// is not asked, as it may never answer (EXDEV).
func (o opener) stat(directory int, name string, stat *unix.Stat_t) error {
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if o.old {
		return unix.Fstatat(directory, name, stat, flags)
	}
	var x unix.Statx_t
	if err := unix.Statx(directory, name, flags|unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &x); err != nil {
		return err
	}
	if x.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return unix.EXDEV
	}
	*stat = unix.Stat_t{
		Dev: unix.Mkdev(x.Dev_major, x.Dev_minor), Ino: x.Ino, Mode: uint32(x.Mode), Uid: x.Uid, Size: int64(x.Size),
		Mtim: unix.Timespec{Sec: x.Mtime.Sec, Nsec: int64(x.Mtime.Nsec)},
		Ctim: unix.Timespec{Sec: x.Ctime.Sec, Nsec: int64(x.Ctime.Nsec)},
	}
	return nil
}

// place opens a directory below a watched one, name by name, so that no path is
// too long. The caller closes it.
func (o opener) place(p *location) (int, error) {
	flags := unix.O_PATH | unix.O_DIRECTORY
	if p.above == nil {
		return hostfs.Retry(func() (int, error) {
			return unix.Openat(p.watched.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		})
	}
	at := p.watched.fd
	elements := p.elements()
	for i, element := range elements {
		if i == len(elements)-1 {
			flags = unix.O_RDONLY | unix.O_DIRECTORY
		}
		next, err := o.beneath(at, element, flags)
		if at != p.watched.fd {
			hostfs.CloseFD(at)
		}
		if err != nil {
			return -1, err
		}
		at = next
	}
	return at, nil
}

// directory opens a directory of the configuration. Links in it are followed as
// the host would, never out of the root.
func (o opener) directory(rootFD int, root, name string) (int, error) {
	at, err := o.inRoot(rootFD, root, name)
	if err != nil {
		return -1, err
	}
	defer hostfs.CloseFD(at)
	if err := checkLocal(rootFD, at); err != nil {
		return -1, err
	}
	return hostfs.Retry(func() (int, error) {
		return unix.Openat(at, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
}

func (o opener) inRoot(rootFD int, root, name string) (int, error) {
	flags := unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	if !o.old {
		how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
		return hostfs.Retry(func() (int, error) { return unix.Openat2(rootFD, name, &how) })
	}
	if filepath.Clean(root) == "/" {
		return hostfs.Retry(func() (int, error) { return unix.Open(name, flags, 0) })
	}
	// Without openat2 a link could lead out of the root: it is an error here.
	at, err := hostfs.Retry(func() (int, error) { return unix.Openat(rootFD, ".", flags, 0) })
	for _, element := range strings.FieldsFunc(filepath.Clean(name), func(r rune) bool { return r == '/' }) {
		if err != nil {
			return -1, err
		}
		above := at
		at, err = hostfs.Retry(func() (int, error) { return unix.Openat(above, element, flags|unix.O_NOFOLLOW, 0) })
		hostfs.CloseFD(above)
	}
	return at, err
}

// checkLocal refuses file systems on which any system call may block for as long
// as another machine or another user's program likes. The one that the root
// itself lies on is taken: a host may live on virtiofs.
func checkLocal(rootFD, fd int) error {
	var root, at unix.Stat_t
	if unix.Fstat(rootFD, &root) == nil && unix.Fstat(fd, &at) == nil && root.Dev == at.Dev {
		return nil
	}
	var system unix.Statfs_t
	if err := unix.Fstatfs(fd, &system); err != nil {
		return fmt.Errorf("statfs: %w", err)
	}
	if hostfs.IsRemote(uint32(system.Type)) {
		return errRemote
	}
	return nil
}

// identify notes which directory it is and where the exporter reaches it.
func (w *watched) identify(root string) {
	var stat unix.Stat_t
	if err := unix.Fstat(w.fd, &stat); err == nil {
		w.id = model.FileID{Dev: stat.Dev, Inode: stat.Ino}
	}
	reached, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(w.fd))
	if err != nil {
		reached = filepath.Join(root, w.name)
	}
	w.reached = reached
}
