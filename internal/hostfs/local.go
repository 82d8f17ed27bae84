package hostfs

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenLocal opens a regular file on a local file system for reading, such as the
// executable behind /proc/PID/exe. It looks before it opens: on another machine's
// or another user's file system (ErrRemote) every read may hang, and to open a
// device (ErrKind) may do something. What lies on the file system that / is on is
// taken whatever that is.
func OpenLocal(name string) (*os.File, error) {
	seen, err := os.OpenFile(name, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer seen.Close()
	var root unix.Stat_t
	if err := unix.Stat("/", &root); err != nil {
		return nil, fmt.Errorf("stat /: %w", err)
	}
	return reopen(seen, name, root.Dev, wanted{kind: unix.S_IFREG}, unix.O_RDONLY|unix.O_NONBLOCK)
}

// wanted is what a file has to be, to be opened.
type wanted struct {
	kind  uint32 // S_IFMT
	owned bool   // it has to be that user's
	uid   uint32
}

// reopen opens what was opened with O_PATH, if it is what is wanted and on a local
// file system. O_NONBLOCK: a lease of the file's owner (fcntl(2)) must not hold it up.
func reopen(seen *os.File, name string, trusted uint64, want wanted, flags int) (*os.File, error) {
	stat, err := Stat(seen)
	if err != nil {
		return nil, err
	}
	if stat.Mode&unix.S_IFMT != want.kind {
		return nil, ErrKind
	}
	if want.owned && stat.Uid != want.uid {
		return nil, ErrOwner
	}
	if err := checkLocal(seen, stat.Dev, trusted); err != nil {
		return nil, err
	}
	fd, err := Retry(func() (int, error) {
		return unix.Open("/proc/self/fd/"+strconv.Itoa(int(seen.Fd())), flags|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// checkLocal refuses a file on a file system on which a system call may block for
// as long as another machine or another user's program likes. device is st_dev of
// the file, trusted that of the file system that is taken whatever it is, or 0.
func checkLocal(file *os.File, device, trusted uint64) error {
	if trusted != 0 && device == trusted {
		return nil
	}
	var system unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &system); err != nil {
		return fmt.Errorf("statfs: %w", err)
	}
	if IsRemote(uint32(system.Type)) {
		return ErrRemote
	}
	return nil
}
