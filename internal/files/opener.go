package files

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

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
		Mtim: timespec(x.Mtime), Ctim: timespec(x.Ctime),
	}
	return nil
}

// timespec is t, or 0 where a 32-bit program cannot hold it: after 2038.
func timespec(t unix.StatxTimestamp) unix.Timespec {
	same, err := unix.TimeToTimespec(time.Unix(t.Sec, int64(t.Nsec)))
	if err != nil {
		return unix.Timespec{}
	}
	return same
}

// open opens a directory below a watched one, name by name, so that no path is
// too long. The caller closes it.
func (o opener) open(p *directory) (int, error) {
	flags := unix.O_PATH | unix.O_DIRECTORY
	if p.above == nil {
		return hostfs.Retry(func() (int, error) {
			return unix.Openat(p.watched.fd(), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		})
	}
	top := p.watched.fd()
	at := top
	elements := p.elements()
	for i, element := range elements {
		if i == len(elements)-1 {
			flags = unix.O_RDONLY | unix.O_DIRECTORY
		}
		next, err := o.beneath(at, element, flags)
		if at != top {
			hostfs.CloseFD(at)
		}
		if err != nil {
			return -1, err
		}
		at = next
	}
	return at, nil
}
