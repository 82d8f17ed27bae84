package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// order says how to start a program.
type order struct {
	argv        []string // with the name
	path        string   // of the executable; "" looks for the name
	environment []string
	directory   string
	root        bool // as root instead of nobody
	user        int  // as this user, unless 0
	network     *network
	terminal    *os.File // as the leader of a session with this terminal
	isolate     bool     // in a process, mount and network namespace of its own
	container   string   // in a cgroup that is called like the container with this id
	usersOwn    bool     // in which container is: nobody may make cgroups there
}

// run starts a burner that was placed, as nobody. Without arguments its name is
// its path.
func (s *session) run(path string, work task.Task, argv ...string) int {
	if len(argv) == 0 {
		argv = []string{path}
	}
	return s.launch(order{path: path, argv: argv, environment: []string{s.assign(work)}})
}

// assign is the variable that says to a burner what to do.
func (s *session) assign(work task.Task) string {
	if work.Limit == 0 {
		work.Limit = s.lifetime()
	}
	encoded, err := work.Encode()
	s.fail(err)
	return encoded
}

// launch starts a program and returns its pid.
func (s *session) launch(o order) int {
	if s.stopped() {
		return 0
	}
	if o.path == "" {
		o.path = lookPath(o.argv[0])
	}
	if o.network != nil {
		o = o.inside()
	}
	command := &exec.Cmd{Path: o.path, Args: o.argv, Dir: o.directory, Stdout: s.log, Stderr: s.log}
	if command.Dir == "" {
		command.Dir = "/"
	}
	group, err := s.cgroup(o.container, o.usersOwn)
	if err != nil {
		s.fail(err)
		return 0
	}
	defer group.Close()
	command.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	directory := s.names.homeRoot
	switch {
	case o.root:
		directory = "/root"
	case o.user != 0:
		command.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.user), Gid: uint32(o.user)}
	default:
		programs.AsNobody(command)
	}
	if o.terminal != nil {
		command.Stdin, command.Stdout, command.Stderr = o.terminal, o.terminal, o.terminal
		command.SysProcAttr.Setsid, command.SysProcAttr.Setctty = true, true
	}
	if o.isolate {
		command.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET
	}
	command.Env = append([]string{s.tracker.marker(s.name), "PATH=" + searchPath, "HOME=" + directory, "LANG=C.UTF-8"}, o.environment...)
	started, err := programs.Start(command)
	if err != nil {
		s.fail(err)
		return 0
	}
	s.children = append(s.children, started)
	s.fail(s.tracker.enlist(s.name, started.PID, false))
	s.act()
	return started.PID
}

// lookPath finds a program where every user finds it, or returns "".
func lookPath(name string) string {
	for _, directory := range filepath.SplitList(searchPath) {
		if path := filepath.Join(directory, name); isForEverybody(path) {
			return path
		}
	}
	return ""
}

// isForEverybody reports whether every user may run a program, also where the path
// is a link into a directory such as /root, which only its owner may enter.
func isForEverybody(path string) bool {
	const others = 0o001 // may run a file, and enter a directory
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	state, err := os.Stat(path)
	for directory := path; err == nil && directory != "/"; {
		directory = filepath.Dir(directory)
		var above os.FileInfo
		if above, err = os.Stat(directory); err == nil && above.Mode()&others == 0 {
			return false
		}
	}
	return err == nil && state.Mode().IsRegular() && state.Mode()&others != 0
}

// early says which program has ended before it should.
func (s *session) early() error {
	if s.mayEnd {
		return nil
	}
	for _, child := range s.children {
		if err := child.Ended(); err != nil {
			return fmt.Errorf("too early: %w", err)
		}
	}
	return nil
}

// find waits for a process of this scenario that runs the executable, other
// than the one given.
func (s *session) find(exe string, other int) int {
	found := 0
	s.eventually(10*time.Second, "a process of the scenario runs "+exe, func() error {
		if err := s.tracker.scan(); err != nil {
			return err
		}
		for pid, path := range s.executables() {
			if path == exe && pid != other {
				found = pid
				return nil
			}
		}
		return errors.New("there is none")
	})
	return found
}

// executables are those of the scenario's processes, by pid.
func (s *session) executables() map[int]string {
	found := map[int]string{}
	for _, id := range s.tracker.living(s.name) {
		if target, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", id.pid)); err == nil {
			found[id.pid] = strings.TrimSuffix(target, " (deleted)")
		}
	}
	return found
}

// adoptKernelThreads makes findings about the kernel's own threads those of the
// scenario.
func (s *session) adoptKernelThreads() {
	entries, err := os.ReadDir("/proc")
	s.fail(err)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// kthreadd is pid 2 on every Linux and the parent of all others.
		if now, err := readStat(pid); err == nil && (pid == 2 || now.parent == 2) {
			s.fail(s.tracker.enlist(s.name, pid, true))
		}
	}
	s.act()
}
