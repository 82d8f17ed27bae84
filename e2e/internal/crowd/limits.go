package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// reserve is how many more pids a host needs while it is measured: threads of the
	// exporters, short processes.
	reserve = 500
	// memoryOfOne is what a sleeper takes in bytes: most of it is the kernel's, for its
	// stack, its page tables and its entry in the table. Measured: 58 kB on Linux 6.18.
	memoryOfOne = 72 << 10
)

// Room returns an error that says what to raise, unless so many processes more can be
// there. root is the directory below which proc and sys/fs/cgroup lie, "/" of the host.
func Room(root string, more int) error {
	tasks, err := tasksOf(root)
	if err != nil {
		return err
	}
	need := tasks + more + reserve
	for _, name := range []string{"pid_max", "threads-max"} {
		limit, err := number(filepath.Join(root, "proc/sys/kernel", name))
		if err != nil {
			return err
		}
		if need > limit {
			return fmt.Errorf("kernel.%s is %d, but %d are needed: sysctl kernel.%s=%d", name, limit, need, name, need+reserve)
		}
	}
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		for _, mounted := range []string{"", "pids", "unified"} {
			if err := groupRoom(filepath.Join(root, "sys/fs/cgroup", mounted), fields[2], more+reserve); err != nil {
				return err
			}
		}
	}
	available, err := availableMemory(root)
	if err != nil {
		return err
	}
	if needed := more * memoryOfOne; needed > available {
		return fmt.Errorf("%d MB of memory are available, but %d are needed", available>>20, needed>>20)
	}
	return nil
}

// groupRoom looks at the limits of a control group and of those above it.
func groupRoom(mounted, group string, more int) error {
	for {
		directory := filepath.Join(mounted, group)
		limit, err := number(filepath.Join(directory, "pids.max"))
		if err == nil {
			var current int
			if current, err = number(filepath.Join(directory, "pids.current")); err == nil && current+more > limit {
				return fmt.Errorf("pids.max of %s is %d, and %d are there: raise it, or run the bench elsewhere (TasksMax= of systemd.resource-control(5))", directory, limit, current)
			}
		}
		// "max" is no number: no limit.
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, strconv.ErrSyntax) {
			return err
		}
		if group == "/" || group == "." {
			return nil
		}
		group = filepath.Dir(group)
	}
}

// tasksOf is how many tasks there are, threads included: the fourth field of
// /proc/loadavg, behind the slash.
func tasksOf(root string) (int, error) {
	path := filepath.Join(root, "proc/loadavg")
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	if fields := strings.Fields(string(content)); len(fields) > 3 {
		if _, all, found := strings.Cut(fields[3], "/"); found {
			return strconv.Atoi(all)
		}
	}
	return 0, fmt.Errorf("%s: %q has no number of tasks", path, content)
}

func number(path string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	value, err := strconv.Atoi(string(bytes.TrimSpace(content)))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return value, nil
}

// availableMemory is MemAvailable of proc(5), in bytes.
func availableMemory(root string) (int, error) {
	path := filepath.Join(root, "proc/meminfo")
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if rest, found := strings.CutPrefix(line, "MemAvailable:"); found {
			kibibytes, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kibibytes << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no MemAvailable", path)
}
