package hostfs

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenPrivateProcfs makes an instance of procfs that is mounted nowhere (fsopen(2),
// fsmount(2)), so that nobody can mount anything over what it shows. It returns
// the path by which it is reached, for as long as this process lives. It needs
// CAP_SYS_ADMIN and Linux 5.2, and shows this process' own pid namespace.
func OpenPrivateProcfs() (string, error) {
	opened, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("open a private procfs: %w", err)
	}
	defer func() { _ = unix.Close(opened) }()
	if err := unix.FsconfigCreate(opened); err != nil {
		return "", fmt.Errorf("make a private procfs: %w", err)
	}
	const attributes = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	mount, err := unix.Fsmount(opened, unix.FSMOUNT_CLOEXEC, attributes)
	if err != nil {
		return "", fmt.Errorf("mount a private procfs: %w", err)
	}
	return "/proc/self/fd/" + strconv.Itoa(mount), nil
}
