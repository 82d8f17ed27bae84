package sockets

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// argvLimit is how much of an owner's command line is read, in bytes. Java
	// writes its main class last, behind long class paths.
	argvLimit = 64 << 10
	argvTime  = 200 * time.Millisecond
)

// describe reads what a process is. A command line that cannot be read leaves
// only the executable as evidence.
func (o *owners) describe(identity model.Identity, catalogue *catalogue.Catalogue) (*owner, error) {
	comm, start, err := o.stat(identity.PID)
	if err != nil {
		return nil, err
	}
	if start != identity.StartTime {
		return nil, fmt.Errorf("pid %d is another process now: %w", identity.PID, os.ErrNotExist)
	}
	exe := o.exe(identity.PID)
	told, _ := o.arguments(identity.PID, exe, catalogue)
	return &owner{identity: identity, comm: comm, exe: exe, arguments: told, catalogue: catalogue}, nil
}

// exe returns the path of an executable, or "".
func (o *owners) exe(pid int) string {
	target, err := os.Readlink(o.path(pid, "exe"))
	if err != nil {
		return "" // a zombie's main thread, or no permission, which its fd counts
	}
	return strings.TrimSuffix(target, " (deleted)")
}

// arguments reads what the command line of a process tells. A failure is counted.
func (o *owners) arguments(pid int, exe string, catalogue *catalogue.Catalogue) (arguments, error) {
	argv, err := o.argv(pid)
	if err != nil {
		o.failed(err)
	}
	told := arguments{evidence: catalogue.Evidence(exe, argv), forwards: parseProxy(exe, argv)}
	told.part = catalogue.Part(told.evidence, argv)
	if told.evidence == flinkApp {
		told.logFile = logFileOf(argv)
	}
	return told, err
}

// argv reads a command line under a deadline: the kernel reads it out of the
// process' own memory, which may be a FUSE file that never answers.
func (o *owners) argv(pid int) ([]string, error) {
	name := o.path(pid, "cmdline")
	content, err := hostfs.Within(o.guard, argvTime, func() ([]byte, error) { return hostfs.ReadStart(name, argvLimit) })
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(content) == 0 {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00"), nil
}

// stat reads comm (field 2) and the start time (field 22, clock ticks since
// boot) of /proc/PID/stat. See proc_pid_stat(5). procfs takes twice as long, 27 µs,
// for all fields, and a walk reads 30,000 of them.
func (o *owners) stat(pid int) (comm string, start uint64, err error) {
	content, err := os.ReadFile(o.path(pid, "stat"))
	if err != nil {
		return "", 0, err
	}
	return parseStat(content)
}

// parseStat goes by the last parenthesis: comm may hold any.
func parseStat(content []byte) (comm string, start uint64, err error) {
	open, end := bytes.IndexByte(content, '('), bytes.LastIndexByte(content, ')')
	if open < 0 || end < open {
		return "", 0, errStat
	}
	field, rest := cutField(content[end+1:])
	for range 19 {
		field, rest = cutField(rest)
	}
	start, ok := decimal(field)
	if !ok {
		return "", 0, errStat
	}
	return string(content[open+1 : end]), start, nil
}
