package sockets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/forward"
)

const (
	// argvLimit is how much of an owner's command line is read, in bytes. Java
	// writes its main class last, behind long class paths.
	argvLimit = 64 << 10
	argvTime  = 200 * time.Millisecond
	argvStuck = 8 // command lines that may be waited for in vain at once
	// retryEvery is how many samples pass before an owner's command line is read again,
	// and sockets without an owner are looked for again, though nothing changed.
	retryEvery = 10
)

// fdBatch is how many names of a directory are read at once: a process may have
// a million of them.
const fdBatch = 1024

var (
	errStat        = fmt.Errorf("stat of a process: %w", errLine)
	errDescriptors = fmt.Errorf("%w: the process has too many descriptors", hostfs.ErrLimit)
)

// owner is a process that holds sockets.
type owner struct {
	identity  model.Identity
	comm      string
	exe       string
	arguments                      // its command line is not kept: an attacker chooses its size
	catalogue *catalogue.Catalogue // that gave the evidence
	samples   int                  // since the command line was read
	unread    bool                 // what it runs could not be read
}

// arguments is what is made of a command line.
type arguments struct {
	evidence string             // the app that it is, in the eyes of a catalogue
	internal bool               // it belongs to that app, and is no service of its own
	logFile  string             // of submissions to that app; ""
	forwards *model.PortForward // by a docker-proxy; nil
}

// processReader reads what a process is, below /proc.
type processReader struct {
	proc     string
	guard    *hostfs.Guard // of command lines
	failures *failures
}

func newProcessReader(proc string, failures *failures) *processReader {
	return &processReader{proc: proc, guard: hostfs.NewGuard(argvStuck), failures: failures}
}

func (p *processReader) path(pid int, name string) string {
	return filepath.Join(p.proc, strconv.Itoa(pid), name)
}

func (p *processReader) failed(err error) { p.failures.count(model.AspectFd, err) }

// describe reads what a process is. A command line that cannot be read leaves
// only the executable as evidence.
func (p *processReader) describe(identity model.Identity, catalogue *catalogue.Catalogue) (*owner, error) {
	described := &owner{identity: identity}
	return described, p.renew(described, catalogue)
}

// renew fails if an owner is not the same process any more. It looks again at
// what the process runs where that may have changed: after an exec, with
// another catalogue, and once in a while, since a program may set its title.
func (p *processReader) renew(known *owner, catalogue *catalogue.Catalogue) error {
	comm, start, err := p.stat(known.identity.PID)
	if err != nil {
		return err
	}
	if start != known.identity.StartTime {
		return fmt.Errorf("pid %d is another process now: %w", known.identity.PID, os.ErrNotExist)
	}
	exe := p.exe(known.identity.PID)
	known.samples++
	same := exe == known.exe && catalogue == known.catalogue
	if same && comm == known.comm && known.samples < retryEvery {
		return nil
	}
	read, err := p.arguments(known.identity.PID, exe, catalogue)
	if err != nil && same {
		read = known.arguments
	}
	known.comm, known.exe, known.arguments, known.catalogue, known.samples = comm, exe, read, catalogue, 0
	return nil
}

// exe returns the path of an executable, or "".
func (p *processReader) exe(pid int) string {
	target, err := os.Readlink(p.path(pid, "exe"))
	if err != nil {
		return "" // a zombie's main thread, or no permission, which its fd counts
	}
	return strings.TrimSuffix(target, " (deleted)")
}

// arguments reads what the command line of a process says of it. A failure is counted.
func (p *processReader) arguments(pid int, exe string, catalogue *catalogue.Catalogue) (arguments, error) {
	argv, err := p.argv(pid)
	if err != nil {
		p.failed(err)
	}
	read := arguments{evidence: catalogue.Evidence(exe, argv), forwards: forward.ParseDockerProxy(exe, argv)}
	read.internal = catalogue.InternalComponent(read.evidence, argv)
	read.logFile = catalogue.LogFile(read.evidence, argv)
	return read, err
}

// argv reads a command line under a deadline: the kernel reads it out of the
// process' own memory, which may be a FUSE file that never answers.
func (p *processReader) argv(pid int) ([]string, error) {
	name := p.path(pid, "cmdline")
	read := func() ([]byte, error) { return hostfs.ReadStart(name, argvLimit) }
	content, err := hostfs.Within(p.guard, argvTime, read)
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
// for all fields, and a search for owners reads 30,000 of them.
func (p *processReader) stat(pid int) (comm string, start uint64, err error) {
	content, err := os.ReadFile(p.path(pid, "stat"))
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
	start, err = decimal(field)
	if err != nil {
		return "", 0, errStat
	}
	return string(content[open+1 : end]), start, nil
}

// eachSocket calls found for each socket among at most limit descriptors of a process, until
// the end. It ends with an error of found.
func (p *processReader) eachSocket(
	pid, limit int, end time.Time, found func(inode uint64, descriptor string) error,
) error {
	directory, err := os.Open(p.path(pid, "fd"))
	if err != nil {
		return err
	}
	defer directory.Close()
	for seen := 0; ; seen += fdBatch {
		names, err := directory.Readdirnames(fdBatch)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case seen >= limit:
			return errDescriptors
		case time.Now().After(end):
			return hostfs.ErrTimeout
		}
		for _, name := range names {
			// Without ptrace access the names can be read (CAP_DAC_READ_SEARCH) but
			// not what they stand for.
			target, err := os.Readlink(directory.Name() + "/" + name)
			if errors.Is(err, os.ErrPermission) {
				return err
			}
			inode, ok := parseSocketName(target)
			if err != nil || !ok {
				continue // closed in between, or no socket
			}
			if err := found(inode, name); err != nil {
				return err
			}
		}
	}
}

// socketName is what a descriptor of a socket links to.
func socketName(inode uint64) string { return "socket:[" + strconv.FormatUint(inode, 10) + "]" }

func parseSocketName(name string) (inode uint64, ok bool) {
	digits, isSocket := strings.CutPrefix(name, "socket:[")
	digits, isWhole := strings.CutSuffix(digits, "]")
	if !isSocket || !isWhole {
		return 0, false
	}
	inode, err := strconv.ParseUint(digits, 10, 64)
	return inode, err == nil
}
