package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxContainers = 64
	openTime      = 500 * time.Millisecond
	maxStuck      = 16 // opens that did not come back
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
		s.errors.manyContainers(more)
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
				directory.close()
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
		// What is opened too late is closed when it is collected as garbage.
		file, err := hostfs.Within(s.guard, openTime, func() (*os.File, error) { return s.openBelow(pid, name) })
		if errors.Is(err, hostfs.ErrTimeout) {
			failure = fmt.Errorf("%s in container %s: %w", name, container.Name, err)
			break // the others would wait for the same
		}
		if err == nil {
			directory := &watched{name: name, container: container.Name, title: container.Container.Title(), pids: container.PIDs, file: file}
			directory.identify()
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
	return &watched{name: name, container: container.Name, err: failure}
}

// openBelow opens a directory in the root directory of a process. It refuses file
// systems that another program answers for.
func (s *Sensor) openBelow(pid int, name string) (*os.File, error) {
	root, err := hostfs.OpenRoot(filepath.Join(s.options.Proc, strconv.Itoa(pid), "root"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if s.opener.old {
		root.Plain()
	}
	if err := root.Local(); err != nil {
		return nil, err
	}
	return root.Directory(name)
}
