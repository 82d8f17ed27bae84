package inspect

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	codeLookBytes = 64 << 20 // read of one process' memory in one look
	codeLookTime  = 300 * time.Millisecond
	codeShare     = 0.005 // of one core, for all looks
	codeCarried   = time.Duration(float64(time.Minute) * codeShare)
	codeLeast     = 10 * time.Millisecond // of CPU time: with less left, no look begins
	codeCleanMost = 16384                 // parts of files that are remembered
	// codeReserve is how much address space one look goes through. No compiler of a
	// language reserves as much: whoever does has it said that not all was read.
	codeReserve = 16 << 30

	// SomeMappings says that the constants were found in several mappings together.
	SomeMappings = "several mappings together"
)

// Code scans the executable memory of processes for the constants of RandomX: a packed
// miner, a library in an interpreter and code that is compiled at run time show them
// there and nowhere else. No process is stopped: memory is read by pread(2) of
// /proc/PID/mem, for which the kernel asks for what ptrace(2) needs (CAP_SYS_PTRACE).
//
// Part of a file that is mapped is read once for each content, as far as no process has
// changed it. Of all other executable memory the pages that are there are read at each
// look, which makes nothing of it come into being and wakes no userfaultfd(2).
//
// Looks take less than 0.5 % of a core in all; what is not used is carried over for a minute.
// Look may be called by one goroutine.
type Code struct {
	proc    string
	reads   *Reads
	matcher *fingerprint.Matcher
	cpuTime func() time.Duration
	clean   *cleanParts

	at   time.Time     // when left was worked out; zero before the first look
	left time.Duration // CPU time that looks may use
}

// NewCode returns a scanner for the procfs at proc. cpuTime is what the calling thread has
// used; nil takes the clock instead.
func NewCode(proc string, reads *Reads, matcher *fingerprint.Matcher, cpuTime func() time.Duration) *Code {
	if cpuTime == nil {
		began := time.Now()
		cpuTime = func() time.Duration { return time.Since(began) }
	}
	return &Code{proc: proc, reads: reads, matcher: matcher, cpuTime: cpuTime, clean: &cleanParts{known: map[partKey]bool{}}}
}

// CodeState is what is kept of one program between the looks at it.
type CodeState struct {
	At time.Time // of the last look; zero before the first
	In string    // what holds the constants: a file, or a kind of memory; "" if they were not found
	// Unread is why some of it could not be read at the last look; "" if nothing failed.
	Unread model.Reason

	found fingerprint.Found
	from  uint64 // where the next look begins, if the last did not come to the end
}

// Ready tells whether there is CPU time for a look.
func (c *Code) Ready(now time.Time) bool {
	if c.at.IsZero() {
		c.at, c.left = now, codeCarried
	}
	if passed := now.Sub(c.at); passed > 0 {
		c.left = min(codeCarried, c.left+time.Duration(float64(passed)*codeShare))
		c.at = now
	}
	return c.left >= codeLeast
}

// Look scans a process, if Ready, and notes in state what it showed. covered is the file whose
// content is known by its hash, or zero. An error says that some of the memory could not be
// read; what was found counts.
func (c *Code) Look(of Subject, covered model.FileID, now time.Time, state *CodeState) error {
	if !c.Ready(now) {
		return nil
	}
	result, err := c.lookWithin(of, covered, state)
	if errors.Is(err, ErrPostponed) {
		return nil // it is one of the first in the next sample
	}
	state.At, state.Unread = now, ""
	if err != nil {
		c.left -= max(0, codeLeast-result.cpu) // a look that fails costs too
		if !hostfs.Vanished(err) {
			state.Unread = hostfs.ReasonOf(err)
		}
	}
	c.left -= result.cpu
	state.found, state.from = state.found.Union(result.found), result.next
	if result.in != "" {
		state.In = result.in
	}
	return err
}

func (c *Code) lookWithin(of Subject, covered model.FileID, state *CodeState) (lookResult, error) {
	maps, err := Within(c.reads, of, MemoryMap, ReadTime, func() ([]codeMapping, error) { return executableMappings(c.path(of, "maps")) })
	if err != nil {
		return lookResult{}, err
	}
	// Another machine's files may hang; without their keys only the pages that are there are read.
	keyed, err := Within(c.reads, of, File, ReadTime, func() ([]codeMapping, error) { return withKeys(c.path(of, "root"), maps, covered), nil })
	if err != nil {
		keyed = maps
	}
	limits, known, from := lookLimits{bytes: codeLookBytes, wall: codeLookTime, cpu: c.left}, state.found, state.from
	return Within(c.reads, of, Memory, ReadTime, func() (lookResult, error) { return c.look(of, keyed, known, from, limits) })
}

func (c *Code) path(of Subject, name string) string {
	return c.proc + "/" + strconv.Itoa(of.PID) + "/" + name
}

type lookLimits struct {
	bytes     int
	wall, cpu time.Duration
}

type lookResult struct {
	found fingerprint.Found
	in    string
	next  uint64
	cpu   time.Duration
}

// look reads memory until its end or a limit. It may be left behind, so all that it
// changes is the list of clean parts, which has a lock.
func (c *Code) look(of Subject, maps []codeMapping, known fingerprint.Found, from uint64, limits lookLimits) (result lookResult, err error) {
	runtime.LockOSThread() // its cost is the CPU time of the thread
	defer runtime.UnlockOSThread()
	began, beganCPU := time.Now(), c.cpuTime()
	memory, err := os.Open(c.path(of, "mem"))
	if err != nil {
		return result, err
	}
	defer memory.Close()
	r := codeReader{memory: memory, matcher: c.matcher, buffer: make([]byte, codeBuffer), left: limits.bytes}
	r.stop = func() bool {
		return r.left <= 0 || time.Since(began) > limits.wall || c.cpuTime()-beganCPU > limits.cpu
	}
	if r.pages, err = os.Open(c.path(of, "pagemap")); err == nil {
		defer r.pages.Close()
	}
	result.found = known
	for part := range partsOf(maps, from, codeReserve) {
		if result.next = part.start; r.stop() {
			break
		}
		found := r.read(part, c.clean)
		if result.found = result.found.Union(found); result.found.RandomX() {
			result.in = SomeMappings
			if found.RandomX() {
				result.in = part.what()
			}
			break
		}
		if r.cut && part.start > from {
			break // it is read again from its beginning
		}
		result.next = part.end
	}
	size := uint64(0)
	for _, m := range maps {
		size += m.end - m.start
	}
	if len(maps) == 0 || result.next >= maps[len(maps)-1].end {
		result.next = 0 // the next look begins anew
	}
	result.cpu = max(c.cpuTime()-beganCPU, time.Microsecond)
	switch {
	case r.worked == 0 && r.failed != nil:
		return result, r.failed
	case size > codeReserve:
		return result, hostfs.ErrLimit
	}
	return result, nil
}

// partKey is a part of a file with a content: ctime changes whenever the content does. The
// device is that of the memory map, which some file systems number otherwise than stat(2).
type partKey struct {
	content                hostfs.ContentKey
	device, offset, length uint64
}

// cleanParts remembers parts of files in which nothing was found. What holds constants is
// not remembered: the process that has it is known by then.
type cleanParts struct {
	mu    sync.Mutex
	known map[partKey]bool
}

func (c *cleanParts) has(key partKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[key]
}

func (c *cleanParts) add(key partKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= codeCleanMost {
		clear(c.known)
	}
	c.known[key] = true
}

// withKeys adds the content keys of mapped files, by their names as the process sees them. A
// file gets one if it is really the mapped one, is local, and lies where the kernel keeps
// ctime for writes through shared mappings: tmpfs does not.
func withKeys(root string, maps []codeMapping, covered model.FileID) []codeMapping {
	keyed := make([]codeMapping, len(maps))
	known := map[string]*hostfs.ContentKey{}
	for i, m := range maps {
		if m.isFile() {
			key, ok := known[m.name]
			if !ok {
				key = keyOf(root + m.name)
				known[m.name] = key
			}
			if key != nil && key.Inode == m.inode {
				m.key = key
				m.covered = covered != (model.FileID{}) && covered == model.FileID{Dev: key.Dev, Inode: key.Inode}
			}
		}
		keyed[i] = m
	}
	return keyed
}

func keyOf(name string) *hostfs.ContentKey {
	var system unix.Statfs_t
	if unix.Statfs(name, &system) != nil || hostfs.IsRemote(uint32(system.Type)) || uint32(system.Type) == unix.TMPFS_MAGIC || uint32(system.Type) == unix.RAMFS_MAGIC {
		return nil
	}
	var stat unix.Stat_t
	if unix.Stat(name, &stat) != nil {
		return nil
	}
	key := hostfs.ContentKeyOf(&stat)
	return &key
}
