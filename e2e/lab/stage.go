package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/role"
)

const (
	// home is where the lab's user keeps programs.
	home = "/home/cryptojack-lab"
	// installed is where an administrator puts them.
	installed = "/usr/local/lib/cryptojack-lab"
	// searchPath finds programs that every user may run.
	searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin"
)

// stage is what a scenario plays on. The first trouble ends the play: whatever
// comes after it does nothing, and the scenario counts as broken.
type stage struct {
	*scenario
	ctx      context.Context
	crew     *crew
	burner   string   // path of the burner
	log      *os.File // for what programs say
	err      error
	acted    time.Time // of the last essential action
	watched  time.Time // since when it is only watched
	used     float64   // seconds of CPU until then
	children []*child
	parents  *parents
	undo     []func() error // the last first, after mounts and processes
	mounts   []string
	mayEnd   bool // its programs need not run to the end
}

// child is a process that the lab itself has started.
type child struct {
	name  string
	pid   int
	ended chan struct{}
	err   error // once ended
}

// order says how to start a program.
type order struct {
	argv        []string // with the name
	path        string   // of the executable; "" looks for the name
	environment []string
	directory   string
	root        bool // as root instead of nobody
	isolate     bool // in a process, mount and network namespace of its own
}

// fail keeps the first trouble.
func (s *stage) fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
	}
}

// stopped tells whether the play is over: by a trouble or by a signal.
func (s *stage) stopped() bool {
	s.fail(s.ctx.Err())
	return s.err != nil
}

// act notes that something essential has just happened.
func (s *stage) act() { s.acted = time.Now() }

// wait lets time pass.
func (s *stage) wait(pause time.Duration) {
	if s.stopped() {
		return
	}
	select {
	case <-time.After(pause):
	case <-s.ctx.Done():
		s.fail(s.ctx.Err())
	}
}

// place puts a burner at the path. Each path has another content.
func (s *stage) place(path string) { s.placeMarked(path, path) }

// placeMarked puts a burner at the path. The same mark makes the same content.
func (s *stage) placeMarked(path, mark string) {
	s.placeWith(path, func(content []byte) []byte { return append(content, s.crew.run+" "+mark...) })
}

func (s *stage) placeWith(path string, change func([]byte) []byte) {
	if s.stopped() {
		return
	}
	content, err := os.ReadFile(s.burner)
	if err != nil {
		s.fail(err)
		return
	}
	s.write(path, string(change(content)), 0o755)
}

// write makes a file, and the directories that it lies in. It must not be there.
func (s *stage) write(path, content string, mode os.FileMode) {
	if s.stopped() {
		return
	}
	s.directory(filepath.Dir(path))
	if s.err != nil {
		return
	}
	if !s.owns(path) {
		s.fail(fmt.Errorf("%s is not among the paths of the scenario", path))
		return
	}
	// A program that another scenario starts meanwhile would inherit the open
	// file for a moment, and what is open for writing cannot be run (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		s.fail(err)
		return
	}
	s.undo = append(s.undo, func() error { return os.RemoveAll(path) })
	_, err = io.WriteString(file, content)
	s.fail(errors.Join(err, file.Chmod(mode), s.give(path), file.Close()))
	s.act()
}

// directory makes a directory and those above it, and remembers which it made.
func (s *stage) directory(path string) {
	if _, err := os.Lstat(path); err == nil || s.err != nil {
		return
	}
	s.directory(filepath.Dir(path))
	if s.err != nil {
		return
	}
	if !s.owns(path) {
		s.fail(s.parents.make(path))
		return
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		s.fail(err)
		return
	}
	s.undo = append(s.undo, func() error { return os.RemoveAll(path) })
	s.fail(s.give(path))
}

// give makes nobody the owner of what lies where users write.
func (s *stage) give(path string) error {
	for _, writable := range []string{"/tmp/", "/var/tmp/", "/dev/shm/", "/home/"} {
		if strings.HasPrefix(path, writable) {
			return os.Lchown(path, role.Nobody, role.Nobody)
		}
	}
	return nil
}

// remove deletes a file of the scenario.
func (s *stage) remove(path string) {
	if s.stopped() {
		return
	}
	s.fail(os.Remove(path))
	s.act()
}

// run starts a burner that was placed, as nobody. Without arguments its name is
// its path.
func (s *stage) run(path string, part role.Role, argv ...string) int {
	if len(argv) == 0 {
		argv = []string{path}
	}
	return s.launch(order{path: path, argv: argv, environment: []string{s.role(part)}})
}

// role is the variable that tells a burner what to do.
func (s *stage) role(part role.Role) string {
	if part.Limit == 0 {
		part.Limit = s.lifetime()
	}
	encoded, err := part.Encode()
	s.fail(err)
	return encoded
}

// launch starts a program and returns its pid.
func (s *stage) launch(o order) int {
	if s.stopped() {
		return 0
	}
	if o.path == "" {
		o.path = lookPath(o.argv[0])
	}
	command := &exec.Cmd{Path: o.path, Args: o.argv, Dir: o.directory, Stdout: s.log, Stderr: s.log}
	if command.Dir == "" {
		command.Dir = "/"
	}
	group, err := s.cgroup()
	if err != nil {
		s.fail(err)
		return 0
	}
	defer group.Close()
	// Ends it also when the lab is killed and cleans nothing up.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, UseCgroupFD: true, CgroupFD: int(group.Fd())}
	lives := home
	if o.root {
		lives = "/root"
	} else {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: role.Nobody, Gid: role.Nobody}
	}
	if o.isolate {
		command.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET
	}
	command.Env = append([]string{s.crew.marker(s.name), "PATH=" + searchPath, "HOME=" + lives, "LANG=C.UTF-8"}, o.environment...)
	if err := command.Start(); err != nil {
		s.fail(err)
		return 0
	}
	started := &child{name: o.argv[0], pid: command.Process.Pid, ended: make(chan struct{})}
	s.children = append(s.children, started)
	s.fail(s.crew.enlist(s.name, started.pid, false))
	go func() {
		started.err = command.Wait()
		close(started.ended)
	}()
	s.act()
	return started.pid
}

// lookPath finds a program where every user finds it, or returns "".
func lookPath(name string) string {
	for _, directory := range filepath.SplitList(searchPath) {
		path := filepath.Join(directory, name)
		if state, err := os.Stat(path); err == nil && state.Mode().IsRegular() && state.Mode()&0o001 != 0 {
			return path
		}
	}
	return ""
}

// early says which program has ended before it should.
func (s *stage) early() error {
	if s.mayEnd {
		return nil
	}
	for _, c := range s.children {
		select {
		case <-c.ended:
			if c.err == nil {
				return fmt.Errorf("%s (pid %d) has ended early", c.name, c.pid)
			}
			return fmt.Errorf("%s (pid %d) has ended early: %w", c.name, c.pid, c.err)
		default:
		}
	}
	return nil
}

// find waits for a process of this scenario that runs the executable, other
// than the one given.
func (s *stage) find(exe string, other int) int {
	for deadline := time.Now().Add(10 * time.Second); !s.stopped(); s.wait(100 * time.Millisecond) {
		s.fail(s.crew.scan())
		for pid, path := range s.executables() {
			if path == exe && pid != other {
				return pid
			}
		}
		if time.Now().After(deadline) {
			s.fail(fmt.Errorf("no process of the scenario runs %s", exe))
		}
	}
	return 0
}

// executables are those of the scenario's processes, by pid.
func (s *stage) executables() map[int]string {
	found := map[int]string{}
	for _, id := range s.crew.living(s.name) {
		if target, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", id.pid)); err == nil {
			found[id.pid] = strings.TrimSuffix(target, " (deleted)")
		}
	}
	return found
}

// adoptKernelThreads makes findings about the kernel's own threads those of the
// scenario.
func (s *stage) adoptKernelThreads() {
	entries, err := os.ReadDir("/proc")
	s.fail(err)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// kthreadd is pid 2 on every Linux and the parent of all others.
		if now, err := readStat(pid); err == nil && (pid == 2 || now.parent == 2) {
			s.fail(s.crew.enlist(s.name, pid, true))
		}
	}
	s.act()
}
