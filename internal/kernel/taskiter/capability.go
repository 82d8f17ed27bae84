package taskiter

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// refusedWithoutCapability starts a pass in a thread that has put its capabilities down,
// and takes them up again.
func (i *Iterator) refusedWithoutCapability() (bool, error) {
	runtime.LockOSThread()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3} // of the calling thread
	var held [2]unix.CapUserData
	if err := unix.Capget(&head, &held[0]); err != nil {
		runtime.UnlockOSThread()
		return false, fmt.Errorf("read the capabilities of a thread: %w", err)
	}
	without := held
	without[0].Effective, without[1].Effective = 0, 0
	if err := unix.Capset(&head, &without[0]); err != nil {
		runtime.UnlockOSThread()
		return false, fmt.Errorf("put down the capabilities of a thread: %w", err)
	}
	tasks, err := i.link.Open()
	if err == nil {
		tasks.Close()
	}
	if restored := unix.Capset(&head, &held[0]); restored != nil {
		// The thread stays locked, so that nothing else runs in it.
		return false, fmt.Errorf("take up the capabilities of a thread again: %w", restored)
	}
	runtime.UnlockOSThread()
	if err != nil && !errors.Is(err, unix.EPERM) {
		return false, fmt.Errorf("start a pass over the kernel's tasks: %w", err)
	}
	return err != nil, nil
}
