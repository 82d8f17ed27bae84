package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// ArgumentsLimit is how much of a command line is kept, in bytes.
	ArgumentsLimit = 4096

	maxThreads   = 256
	maxLinks     = 1024
	statLimit    = 4 << 10
	statusLimit  = 8 << 10
	environLimit = 128 << 10
	headLimit    = 4 << 10

	userHz = 100 // USER_HZ of every architecture that Go runs on (man 7 time)
)

// errLayout is the answer for a file of procfs that is not as proc(5) says.
var errLayout = errors.New("it is not laid out as in proc(5)")

// Inspector inspects the processes of one procfs. Inspect may be called by one
// goroutine.
type Inspector struct {
	proc  string
	reads *Reads
}

// New returns an inspector of the procfs at proc.
func New(proc string, reads *Reads) *Inspector { return &Inspector{proc: proc, reads: reads} }

// Program is what an executable is, as far as its head says.
type Program struct {
	Packed bool // by UPX
	Static bool // it has no interpreter and no symbol table
}

// Facts is what one look at a process showed.
type Facts struct {
	Inspection model.Inspection // without EqualThreads
	Argv       []string         // nil if it was not read, or is empty
	ArgvErased bool             // the arguments' memory holds nothing but NUL bytes
	Threads    map[int]float64  // seconds used, by thread id; nil if not read
	Program    *Program         // nil if it was not read
}

// Inspect looks at one process. A program that is known is not read again. What
// could not be read is listed in the Inspection, with its cause in failed; all the
// rest is true. ErrPostponed alone is the answer where the sample had no time left
// for any of it.
func (i *Inspector) Inspect(of Subject, known *Program) (facts Facts, failed []PartError, err error) {
	look := &facts.Inspection
	fail := func(part model.InspectionPart, err error) {
		if err == nil || hostfs.Vanished(err) {
			return
		}
		if look.Unread == nil {
			look.Unread = map[model.InspectionPart]model.Reason{}
		}
		look.Unread[part] = hostfs.ReasonOf(err)
		failed = append(failed, PartError{part, err})
	}
	state, err := Within(i.reads, of, Kernel, ReadTime, func() (state, error) { return i.state(of.PID), nil })
	if errors.Is(err, ErrPostponed) {
		return Facts{}, nil, err
	}
	if err != nil {
		state.threadsErr, state.hugePagesErr, state.filesErr = err, err, err
	}
	facts.Threads, look.HugePagesKiB, look.MSR = state.threads, state.hugePages, state.msr
	fail(model.PartThreads, state.threadsErr)
	fail(model.PartHugePages, state.hugePagesErr)
	fail(model.PartOpenFiles, state.filesErr)

	memory, err := Within(i.reads, of, MemoryMap, ReadTime, func() (memory, error) { return i.memoryMap(of.PID, len(state.threads)) })
	look.Memory, look.Library, look.Runtime = memory.shape, memory.foreign, memory.runtime
	fail(model.PartMemoryMap, err)

	start, err := Within(i.reads, of, Memory, ReadTime, func() (start, error) { return i.start(of.PID), nil })
	if err != nil {
		start.argumentsErr, start.environmentErr = err, err
	}
	facts.Argv, facts.ArgvErased, look.Preload = start.argv, start.erased, start.preload
	fail(model.PartArguments, start.argumentsErr)
	fail(model.PartEnvironment, start.environmentErr)

	if known == nil {
		program, err := Within(i.reads, of, File, ReadTime, func() (Program, error) { return readProgram(i.path(of.PID, "exe")) })
		fail(model.PartProgram, err)
		if err == nil {
			known = &program
		}
	}
	if known != nil {
		facts.Program, look.Packed, look.Static = known, known.Packed, known.Static
	}
	return facts, failed, nil
}

// PartError is why a part of a process could not be read.
type PartError struct {
	Part model.InspectionPart
	Err  error
}

func (i *Inspector) path(pid int, name string) string {
	return filepath.Join(i.proc, strconv.Itoa(pid), name)
}

// state is what the kernel knows of a process without its memory.
type state struct {
	threads      map[int]float64
	threadsErr   error
	hugePages    uint64
	hugePagesErr error
	msr          bool
	filesErr     error
}

func (i *Inspector) state(pid int) (s state) {
	s.threads, s.threadsErr = i.threads(pid)
	s.hugePages, s.hugePagesErr = i.hugePages(pid)
	s.msr, s.filesErr = i.holdsMSR(pid)
	return s
}

// memory is what the memory map of a process shows.
type memory struct {
	shape model.MemoryShape
	libraries
}

func (i *Inspector) memoryMap(pid, threads int) (memory, error) {
	maps, err := os.Open(i.path(pid, "maps"))
	if err != nil {
		return memory{}, err
	}
	defer maps.Close()
	program, err := os.Readlink(i.path(pid, "exe"))
	if err != nil {
		program = "" // it is exiting, or its main thread has
	}
	return memoryOf(maps, threads, strings.TrimSuffix(program, " (deleted)"))
}

// start is what a program was started with: it lies in the memory of the process.
type start struct {
	argv           []string
	erased         bool
	argumentsErr   error
	preload        string
	environmentErr error
}

func (i *Inspector) start(pid int) (s start) {
	s.argv, s.erased, s.argumentsErr = i.arguments(pid)
	s.preload, s.environmentErr = i.preload(pid)
	return s
}

// arguments reads the command line, and tells whether the process has wiped it:
// then there are bytes, and all are NUL.
func (i *Inspector) arguments(pid int) (argv []string, erased bool, err error) {
	content, err := hostfs.ReadStart(i.path(pid, "cmdline"), ArgumentsLimit)
	if err != nil {
		return nil, false, err
	}
	if len(bytes.Trim(content, "\x00")) == 0 {
		return nil, len(content) > 1, nil
	}
	return SplitArguments(content), false, nil
}

// SplitArguments takes the content of /proc/PID/cmdline apart.
func SplitArguments(content []byte) []string {
	return strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00")
}

// hugePages reads HugetlbPages of /proc/PID/status, in KiB. Kernels without
// huge pages do not have the line.
func (i *Inspector) hugePages(pid int) (uint64, error) {
	content, err := hostfs.ReadStart(i.path(pid, "status"), statusLimit)
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(content), "\nHugetlbPages:")
	if !found {
		return 0, nil
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("HugetlbPages of status: %w", errLayout)
	}
	kib, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("HugetlbPages of status: %w", errLayout)
	}
	return kib, nil
}

// holdsMSR looks for /dev/cpu/N/msr (msr(4)) among the open files. One that is
// closed meanwhile is no error.
func (i *Inspector) holdsMSR(pid int) (bool, error) {
	names, err := hostfs.ReadNames(i.path(pid, "fd"), maxLinks)
	if err != nil {
		return false, err
	}
	var failed error
	for _, name := range names {
		target, err := os.Readlink(i.path(pid, "fd/"+name))
		switch {
		case err == nil && strings.HasPrefix(target, "/dev/cpu/") && strings.HasSuffix(target, "/msr"):
			return true, nil
		case err != nil && !hostfs.Vanished(err):
			failed = err
		}
	}
	return false, failed
}

// preload returns the libraries of LD_PRELOAD and LD_AUDIT (ld.so(8)) that the program was
// started with, with colons between them.
func (i *Inspector) preload(pid int) (string, error) {
	content, err := hostfs.ReadStart(i.path(pid, "environ"), environLimit)
	if err != nil {
		return "", err
	}
	var libraries []string
	for variable := range bytes.SplitSeq(content, []byte{0}) {
		for _, name := range []string{"LD_PRELOAD=", "LD_AUDIT="} {
			if value, ok := bytes.CutPrefix(variable, []byte(name)); ok && len(libraries) < 2 {
				libraries = append(libraries, string(value[:min(len(value), ArgumentsLimit)]))
			}
		}
	}
	return strings.Join(libraries, ":"), nil
}

// readProgram looks at the head of an executable. UPX leaves its mark behind the
// program headers. It reads less than 200 KiB, whatever the file claims to be.
func readProgram(name string) (Program, error) {
	file, err := hostfs.OpenLocal(name)
	if err != nil {
		return Program{}, err
	}
	defer file.Close()
	head := make([]byte, headLimit)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Program{}, err
	}
	program := Program{Packed: bytes.Contains(head[:n], []byte("UPX!"))}
	parsed, ok := hostfs.ParseELF(head[:n])
	if !ok {
		return program, nil
	}
	interpreted, err := parsed.HasInterpreter(file)
	if err != nil {
		return Program{}, err
	}
	symbols, err := parsed.HasSymbols(file)
	if err != nil {
		return Program{}, err
	}
	program.Static = !interpreted && !symbols
	return program, nil
}
