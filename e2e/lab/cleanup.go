package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// kill ends a process of the scenario at once.
func (s *session) kill(pid int) {
	if s.stopped() {
		return
	}
	if owner, ok := s.tracker.owner(pid); !ok || owner != s.name {
		s.fail(fmt.Errorf("pid %d is not of this scenario", pid))
		return
	}
	s.fail(syscall.Kill(pid, syscall.SIGKILL))
	s.act()
}

// hide mounts an empty directory over that of a process in /proc.
func (s *session) hide(pid int, cover string) {
	s.directory(cover)
	s.fail(s.tracker.scan()) // what is hidden cannot be found any more
	if s.stopped() {
		return
	}
	target := fmt.Sprintf("/proc/%d", pid)
	if err := syscall.Mount(cover, target, "", syscall.MS_BIND, ""); err != nil {
		s.fail(fmt.Errorf("mount over %s: %w", target, err))
		return
	}
	s.mounts = append(s.mounts, target)
	s.act()
}

// mountTemp mounts a file system of its own for programs.
func (s *session) mountTemp(path string) {
	s.directory(path)
	if s.stopped() {
		return
	}
	options := fmt.Sprintf("size=64m,mode=0755,uid=%d,gid=%d", programs.Nobody, programs.Nobody)
	if err := syscall.Mount("cryptojack-lab", path, "tmpfs", 0, options); err != nil {
		s.fail(fmt.Errorf("mount %s: %w", path, err))
		return
	}
	s.mounts = append(s.mounts, path)
}

// bind shows a directory of the host at another path as well.
func (s *session) bind(from, path string) {
	s.directory(path)
	if s.stopped() {
		return
	}
	if err := syscall.Mount(from, path, "", syscall.MS_BIND, ""); err != nil {
		s.fail(fmt.Errorf("mount %s at %s: %w", from, path, err))
		return
	}
	s.mounts = append(s.mounts, path)
}

// clean takes everything back: what hides first, then what runs, then files.
func (s *session) clean() error {
	var failures []error
	for _, target := range slices.Backward(s.mounts) {
		if err := unmount(target); err != nil {
			failures = append(failures, err)
		}
	}
	if err := s.endAll(); err != nil {
		failures = append(failures, err)
	}
	// Those that were busy until their processes had ended.
	for _, target := range slices.Backward(s.mounts) {
		if err := syscall.Unmount(target, 0); err == nil {
			failures = slices.DeleteFunc(failures, func(e error) bool {
				var busy busyMount
				return errors.As(e, &busy) && busy.target == target
			})
		}
	}
	for _, take := range slices.Backward(s.undo) {
		if err := take(); err != nil && !errors.Is(err, os.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// busyMount is a mount that something still runs from.
type busyMount struct {
	target string
	cause  error
}

func (b busyMount) Error() string { return fmt.Sprintf("unmount %s: %v", b.target, b.cause) }

func unmount(target string) error {
	if err := syscall.Unmount(target, 0); err != nil {
		return busyMount{target: target, cause: err}
	}
	return nil
}

// endAll kills the processes of the scenario, and looks again: a guardian may
// have started another one meanwhile.
func (s *session) endAll() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err := s.tracker.scan(); err != nil {
			return err
		}
		left := s.tracker.living(s.name)
		if len(left) == 0 {
			return nil
		}
		for _, id := range left {
			if err := syscall.Kill(id.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill pid %d: %w", id.pid, err)
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes of %s do not end", len(left), s.name)
		}
	}
}

// litter are the temporary directories that programs of the user nobody leave
// files in, with what was there before.
type litter map[string]bool

func temporaryDirectories() []string { return []string{"/tmp", "/var/tmp", "/dev/shm"} }

func noteLitter() (litter, error) {
	before := litter{}
	return before, eachInTemp(func(path string) error {
		before[path] = true
		return nil
	})
}

// sweep removes what is new there and belongs to nobody: compilers, browsers
// and virtual machines that are killed leave their temporary files.
func (before litter) sweep() error {
	return eachInTemp(func(path string) error {
		state, err := os.Lstat(path)
		if before[path] || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if owner, ok := state.Sys().(*syscall.Stat_t); !ok || owner.Uid != programs.Nobody {
			return nil
		}
		return os.RemoveAll(path)
	})
}

func eachInTemp(visit func(path string) error) error {
	for _, directory := range temporaryDirectories() {
		entries, err := os.ReadDir(directory)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := visit(filepath.Join(directory, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
