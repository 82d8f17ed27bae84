package processes

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	closerCores  = 0.2 // a process that uses less is not looked at for its use
	closerMost   = 16  // looks in one sample
	closerSoon   = 4 * time.Second
	closerLater  = time.Minute
	closerYouth  = 2 * time.Minute // a miner takes its memory in the first of them
	equalLeast   = 0.5             // cores of a thread
	equalSpread  = 0.1
	maxThreads   = 256
	maxLinks     = 1024
	environLimit = 128 << 10
	headLimit    = 4 << 10
)

// closer is what is kept between the looks at one program.
type closer struct {
	at      time.Time // of the last look
	threads map[int]float64
	program bool // the executable was looked at
	packed  bool
	static  bool
}

// lookCloser looks at what gives cause to: programs that use CPU, and those from
// places where none belongs. Those that were never looked at come first.
func (p *sample) lookCloser() {
	var due []*entry
	for _, e := range p.order {
		process := &e.process
		if e.dead || e.hidden || process.Origin == model.OriginKernel || process.Origin == model.OriginUnreadable {
			continue
		}
		burns := process.Cores >= closerCores
		if !burns && (rank(e) != 0 || !e.closer.at.IsZero()) {
			continue
		}
		pause := closerLater
		if p.now.Sub(process.Started) < closerYouth || p.now.Sub(e.imageStarted) < closerYouth {
			pause = closerSoon
		}
		if e.closer.at.IsZero() || p.now.Sub(e.closer.at) >= pause {
			due = append(due, e)
		}
	}
	sort.SliceStable(due, func(i, j int) bool {
		a, b := due[i], due[j]
		if !a.closer.at.Equal(b.closer.at) {
			return a.closer.at.Before(b.closer.at)
		}
		return a.process.Cores > b.process.Cores
	})
	for _, e := range due[:min(len(due), closerMost)] {
		p.lookAt(e)
	}
}

// closerFacts is what one look reads.
type closerFacts struct {
	argv    []string
	erased  bool
	shape   shape
	threads map[int]float64 // seconds used, by thread id
	huge    uint64
	msr     bool
	preload string
	packed  bool
	static  bool
	program bool
	err     error
}

func (p *sample) lookAt(e *entry) {
	r, pid := p.reader, e.process.PID
	before := e.closer
	facts, err := hostfs.Within(r.guard, readTime, func() (closerFacts, error) { return r.closer(pid, before.program), nil })
	e.closer.at = p.now
	if err = errors.Join(err, facts.err); err != nil && !hostfs.Vanished(err) {
		r.failed(model.AspectStat, err)
	}
	if err != nil && facts.threads == nil {
		return
	}
	if facts.program {
		e.closer.program, e.closer.packed, e.closer.static = true, facts.packed, facts.static
	}
	equal := equalThreads(before.threads, facts.threads, p.now.Sub(before.at).Seconds())
	e.closer.threads = facts.threads
	process := &e.process
	if len(facts.argv) > 0 {
		process.Argv = facts.argv
	}
	process.ArgvErased = facts.erased
	process.Inspection = &model.Inspection{
		MemorySignature: facts.shape.kind, MemorySignatureKiB: facts.shape.kib, EqualThreads: equal, HugePagesKiB: facts.huge, MSR: facts.msr,
		Preload: facts.preload, Packed: e.closer.packed, Static: e.closer.static,
	}
}

// closer reads all of it. It may hang on a hostile process and runs under a
// deadline.
func (r *reader) closer(pid int, knowsProgram bool) (facts closerFacts) {
	fail := func(err error) {
		if err != nil && !hostfs.Vanished(err) {
			facts.err = errors.Join(facts.err, err)
		}
	}
	var err error
	facts.argv, facts.erased, err = r.arguments(pid)
	fail(err)
	if maps, err := os.Open(r.path(pid, "maps")); err == nil {
		facts.shape, err = shapeOf(maps)
		fail(err)
		maps.Close()
	} else {
		fail(err)
	}
	facts.threads = r.threads(pid)
	facts.huge = r.hugePages(pid)
	facts.msr = r.holdsMSR(pid)
	facts.preload = r.preload(pid)
	if !knowsProgram {
		facts.program = true
		facts.packed, facts.static, err = inspectProgram(r.path(pid, "exe"))
		fail(err)
	}
	return facts
}

// arguments reads the command line again, and tells whether the process has
// wiped it: then there are bytes, and all are NUL.
func (r *reader) arguments(pid int) (argv []string, erased bool, err error) {
	content, err := hostfs.ReadStart(r.path(pid, "cmdline"), argvLimit)
	if err != nil {
		return nil, false, err
	}
	if len(bytes.Trim(content, "\x00")) == 0 {
		return nil, len(content) > 1, nil
	}
	return splitArguments(content), false, nil
}

// threads returns what each thread has used, in seconds.
func (r *reader) threads(pid int) map[int]float64 {
	names, err := hostfs.ReadNames(r.path(pid, "task"), maxThreads)
	if err != nil {
		return nil
	}
	used := make(map[int]float64, len(names))
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		content, err := hostfs.ReadStart(r.path(pid, "task/"+name+"/stat"), 4<<10)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
		if len(fields) < 13 {
			continue
		}
		user, errUser := strconv.ParseFloat(fields[11], 64)
		system, errSystem := strconv.ParseFloat(fields[12], 64)
		if errUser == nil && errSystem == nil {
			used[tid] = (user + system) / userHz
		}
	}
	return used
}

// equalThreads counts the threads that work alike: at least half a core each,
// and within a tenth of the busiest.
func equalThreads(before, after map[int]float64, seconds float64) int {
	if seconds <= 1 {
		return 0
	}
	most := 0.0
	var loads []float64
	for tid, used := range after {
		if earlier, ok := before[tid]; ok {
			load := (used - earlier) / seconds
			loads = append(loads, load)
			most = math.Max(most, load)
		}
	}
	count := 0
	for _, load := range loads {
		if load >= equalLeast && load >= most*(1-equalSpread) {
			count++
		}
	}
	if count < 2 {
		return 0
	}
	return count
}

// hugePages reads HugetlbPages of /proc/PID/status, in KiB.
func (r *reader) hugePages(pid int) uint64 {
	content, err := hostfs.ReadStart(r.path(pid, "status"), 8<<10)
	if err != nil {
		return 0
	}
	_, rest, found := strings.Cut(string(content), "\nHugetlbPages:")
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kib
}

// holdsMSR looks for /dev/cpu/N/msr (msr(4)) among the open files.
func (r *reader) holdsMSR(pid int) bool {
	names, err := hostfs.ReadNames(r.path(pid, "fd"), maxLinks)
	if err != nil {
		return false
	}
	for _, name := range names {
		target, err := os.Readlink(r.path(pid, "fd/"+name))
		if err == nil && strings.HasPrefix(target, "/dev/cpu/") && strings.HasSuffix(target, "/msr") {
			return true
		}
	}
	return false
}

// preload returns LD_PRELOAD (ld.so(8)) as the program was started with.
func (r *reader) preload(pid int) string {
	content, err := hostfs.ReadStart(r.path(pid, "environ"), environLimit)
	if err != nil {
		return ""
	}
	for variable := range bytes.SplitSeq(content, []byte{0}) {
		if value, ok := bytes.CutPrefix(variable, []byte("LD_PRELOAD=")); ok {
			return string(value[:min(len(value), argvLimit)])
		}
	}
	return ""
}

// inspectProgram tells whether an executable was packed by UPX, which leaves its
// mark behind the program headers, and whether it is static and stripped. It reads
// less than 200 KiB, whatever the file claims to be.
func inspectProgram(name string) (packed, static bool, err error) {
	file, err := hostfs.OpenLocal(name)
	if err != nil {
		return false, false, err
	}
	defer file.Close()
	head := make([]byte, headLimit)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, false, err
	}
	packed = bytes.Contains(head[:n], []byte("UPX!"))
	program, ok := hostfs.ParseELF(head[:n])
	if !ok {
		return packed, false, nil
	}
	interpreted, err := program.HasInterpreter(file)
	if err != nil {
		return packed, false, err
	}
	symbols, err := program.HasSymbols(file)
	return packed, !interpreted && !symbols && err == nil, err
}
