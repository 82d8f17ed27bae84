// Kernels is the first process of a virtual machine: it runs the tests that lie in /tests,
// says whether all passed, and switches the machine off. scripts/test-kernels starts it.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "kernels: it is meant to be the first process of a virtual machine, see scripts/test-kernels")
		os.Exit(1)
	}
	err := prepare()
	if err == nil {
		err = test()
	}
	if err != nil {
		fmt.Fprintln(os.Stdout, "tests failed:", err)
	} else {
		fmt.Fprintln(os.Stdout, "tests passed")
	}
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintln(os.Stdout, "switch off:", err)
	}
}

// prepare makes what tests expect of a machine.
func prepare() error {
	for _, mount := range []struct{ kind, directory string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"cgroup2", "/sys/fs/cgroup"}, {"devtmpfs", "/dev"}, {"devpts", "/dev/pts"}, {"tmpfs", "/tmp"},
	} {
		if err := os.MkdirAll(mount.directory, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(mount.kind, mount.directory, mount.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", mount.directory, err)
		}
	}
	return loopbackUp()
}

// loopbackUp is `ip link set lo up` (netdevice(7)).
func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq("lo")
	if err == nil {
		request.SetUint16(unix.IFF_UP)
		err = unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
	}
	return errors.Join(err, unix.Close(socket))
}

func test() error {
	tests, err := filepath.Glob("/tests/*")
	if err == nil && len(tests) == 0 {
		err = errors.New("there are none")
	}
	if err != nil {
		return err
	}
	failed := 0
	for _, name := range tests {
		run := exec.Command(name, "-test.v", "-test.parallel=1")
		run.Dir, run.Stdout, run.Stderr = "/tmp", os.Stdout, os.Stdout
		run.Env = append(os.Environ(), "CLOCK_MAY_BE_SET=1") // this machine is there for the tests alone
		if err := run.Run(); err != nil {
			fmt.Fprintf(os.Stdout, "%s: %v\n", name, err)
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d", failed, len(tests))
	}
	return nil
}
