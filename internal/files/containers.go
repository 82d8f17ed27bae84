package files

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxContainers    = 64
	containerEntries = 10_000 // names looked at below one watched directory of one container
	openTime         = 500 * time.Millisecond
	maxStuck         = 16 // opens that did not come back
)

// openContainers opens the watched directories as the processes in other mount
// namespaces see them, through /proc/PID/root (proc_pid_root(5)). seen are the
// directories that are looked at already: a container may share them.
//
// Whoever may make a mount namespace may also put a file system of his own there
// that never answers, so all is opened under a deadline, and what is no local
// file system is not looked at.
func (s *Sensor) openContainers(containers []model.MountNamespace, names []string, seen map[model.FileID]bool) []*watched {
	if more := len(containers) - maxContainers; more > 0 {
		s.troubles.manyContainers(more)
		containers = containers[:maxContainers]
	}
	var all []*watched
	for _, container := range containers {
		for _, name := range names {
			directory := s.openInContainer(container, name)
			if directory == nil {
				continue
			}
			if directory.err == nil && seen[directory.id] {
				hostfs.CloseFD(directory.fd)
				continue
			}
			seen[directory.id] = true
			all = append(all, directory)
		}
	}
	return all
}

// openInContainer returns nil if the container has ended or has no such directory.
func (s *Sensor) openInContainer(container model.MountNamespace, name string) *watched {
	var failure error
	for _, pid := range container.PIDs {
		fd, err := s.openInTime(pid, name)
		if errors.Is(err, hostfs.ErrTimeout) {
			failure = fmt.Errorf("%s in container %s: %w", name, container.Name, err)
			break // the others would wait for the same
		}
		if err == nil {
			directory := &watched{name: name, container: container.Name, fd: fd}
			directory.identify(s.options.Root)
			return directory
		}
		failure = err
		if !hasVanished(err) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
			break
		}
	}
	if failure == nil || hasVanished(failure) {
		return nil
	}
	return &watched{name: name, container: container.Name, fd: -1, err: failure}
}

// openInTime is openBelow under a deadline. What comes after it is closed again.
func (s *Sensor) openInTime(pid int, name string) (int, error) {
	var answered atomic.Bool // by the open, or given up by the caller: whoever is first
	fd := -1
	_, err := hostfs.Within(s.guard, openTime, func() (struct{}, error) {
		opened, err := s.openBelow(pid, name)
		if err != nil {
			return struct{}{}, err
		}
		fd = opened
		if !answered.CompareAndSwap(false, true) {
			hostfs.CloseFD(opened)
		}
		return struct{}{}, nil
	})
	if err != nil && answered.CompareAndSwap(false, true) {
		return -1, err
	}
	return fd, nil
}

// openBelow opens a directory in the root directory of a process.
func (s *Sensor) openBelow(pid int, name string) (int, error) {
	root := filepath.Join(s.options.Proc, strconv.Itoa(pid), "root")
	rootFD, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer hostfs.CloseFD(rootFD)
	if err := checkAnswers(rootFD); err != nil {
		return -1, err
	}
	at, err := s.opener.inRoot(rootFD, root, name)
	if err != nil {
		return -1, err
	}
	defer hostfs.CloseFD(at)
	if err := checkAnswers(at); err != nil {
		return -1, err
	}
	return hostfs.Retry(func() (int, error) {
		return unix.Openat(at, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
}

// checkAnswers refuses file systems that another program answers for.
func checkAnswers(fd int) error {
	var system unix.Statfs_t
	if err := unix.Fstatfs(fd, &system); err != nil {
		return fmt.Errorf("statfs: %w", err)
	}
	if hostfs.IsRemote(uint32(system.Type)) {
		return errRemote
	}
	return nil
}
