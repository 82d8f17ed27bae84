package processes

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// OpenBare makes an instance of procfs that is mounted nowhere (fsopen(2),
// fsmount(2)), so that nobody can mount anything over what it shows. It returns
// the path by which it is reached, for as long as this process lives. It needs
// CAP_SYS_ADMIN and Linux 5.2, and shows this process' own pid namespace.
func OpenBare() (string, error) {
	context, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("open a procfs of its own: %w", err)
	}
	defer func() { _ = unix.Close(context) }()
	if err := unix.FsconfigCreate(context); err != nil {
		return "", fmt.Errorf("make a procfs of its own: %w", err)
	}
	mount, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return "", fmt.Errorf("mount a procfs of its own: %w", err)
	}
	return "/proc/self/fd/" + strconv.Itoa(mount), nil
}

// uncover reads what a hidden process runs, which nothing told of before.
func (p *pass) uncover(e *entry) {
	s := p.sensor
	if s.options.Bare == "" || e.process.Exe != "" {
		return
	}
	below := &reader{proc: s.options.Bare, guard: s.reader.guard, errors: s.reader.errors}
	found := below.image(e.process.PID)
	if found == nil {
		return
	}
	process := &e.process
	process.Exe, process.ExeDeleted, process.ExeReplaced, process.ExeFile = found.path, found.deleted, found.again, found.file
	process.Origin, e.directory, e.content = found.origin, found.directory, found.content
	process.SHA256 = p.contentOf(found)
	if argv, err := below.argv(process.PID); err == nil {
		process.Argv = argv
	}
	if process.Isolation == "" {
		process.Isolation = model.IsolationHost
	}
	e.rename()
}
