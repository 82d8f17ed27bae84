package sockets

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

const (
	// argvLimit is how much of an owner's command line is read, in bytes. Java
	// writes its main class last, behind long class paths.
	argvLimit = 64 << 10
	// retryEvery is how many samples pass before sockets without an owner are
	// looked for again, though nothing changed.
	retryEvery = 10
)

// owner is the process that holds a socket, and the descriptor it was seen at.
type owner struct {
	identity host.Identity
	comm     string
	exe      string
	argv     []string
	fd       string
}

// owners finds the processes behind sockets. It walks the descriptors of all
// processes only when there is a socket that it does not know.
type owners struct {
	proc    string
	known   map[uint64]owner
	missing map[uint64]bool // looked for and not found
	since   int             // samples since the last walk
	share   host.Share      // of the last walk
	errors  map[host.ReadError]uint64
}

func newOwners(proc string, errors map[host.ReadError]uint64) *owners {
	return &owners{proc: proc, known: map[uint64]owner{}, missing: map[uint64]bool{}, errors: errors}
}

// find returns the owners of sockets, as far as they can be seen.
func (o *owners) find(inodes map[uint64]bool) map[uint64]owner {
	for inode, known := range o.known {
		if !inodes[inode] || !o.holds(&known, inode) {
			delete(o.known, inode)
		}
	}
	wanted, isNew := map[uint64]bool{}, false
	for inode := range inodes {
		if _, ok := o.known[inode]; !ok {
			wanted[inode] = true
			isNew = isNew || !o.missing[inode]
		}
	}
	o.since++
	if len(wanted) > 0 && (isNew || o.since >= retryEvery) {
		o.walk(wanted)
		o.missing, o.since = wanted, 0
	}
	return o.known
}

// holds tells whether a known owner is still the same process with the same
// descriptor.
func (o *owners) holds(known *owner, inode uint64) bool {
	directory := filepath.Join(o.proc, strconv.Itoa(known.identity.PID))
	target, err := os.Readlink(filepath.Join(directory, "fd", known.fd))
	if err != nil || target != socketName(inode) {
		return false
	}
	stat, err := o.stat(known.identity.PID)
	return err == nil && stat.Starttime == known.identity.StartTime
}

// walk looks through the descriptors of all processes, the oldest first, since
// workers inherit the sockets of their parents. What it finds is taken out of
// wanted.
func (o *owners) walk(wanted map[uint64]bool) {
	filesystem, err := procfs.NewFS(o.proc)
	if err != nil {
		return // counted by the tables, which are below it
	}
	processes, err := filesystem.AllProcs()
	if err != nil {
		o.failed(err)
		return
	}
	type aged struct {
		pid   int
		start uint64
	}
	var ages []aged
	for _, process := range processes {
		if stat, err := process.Stat(); err == nil {
			ages = append(ages, aged{process.PID, stat.Starttime})
		}
	}
	sort.Slice(ages, func(i, j int) bool { return ages[i].start < ages[j].start })
	o.share = host.Share{}
	for _, process := range ages {
		if len(wanted) == 0 {
			return
		}
		o.search(process.pid, process.start, wanted)
	}
}

// search looks through the descriptors of one process.
func (o *owners) search(pid int, start uint64, wanted map[uint64]bool) {
	directory := filepath.Join(o.proc, strconv.Itoa(pid), "fd")
	descriptors, err := os.ReadDir(directory)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			o.share.Total++
			o.failed(err)
		}
		return
	}
	o.share.Total++
	o.share.Readable++
	for _, descriptor := range descriptors {
		target, err := os.Readlink(filepath.Join(directory, descriptor.Name()))
		if err != nil {
			continue // closed in between
		}
		inode, ok := parseSocketName(target)
		if !ok || !wanted[inode] {
			continue
		}
		o.known[inode] = o.describe(pid, start, descriptor.Name())
		delete(wanted, inode)
	}
}

func (o *owners) describe(pid int, start uint64, fd string) owner {
	found := owner{identity: host.Identity{PID: pid, StartTime: start}, fd: fd}
	if stat, err := o.stat(pid); err == nil {
		found.comm = stat.Comm
	}
	directory := filepath.Join(o.proc, strconv.Itoa(pid))
	if exe, err := os.Readlink(filepath.Join(directory, "exe")); err == nil {
		found.exe = strings.TrimSuffix(exe, " (deleted)")
	}
	file, err := os.Open(filepath.Join(directory, "cmdline"))
	if err != nil {
		return found
	}
	defer file.Close()
	if content, err := io.ReadAll(io.LimitReader(file, argvLimit)); err == nil && len(content) > 0 {
		found.argv = strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00")
	}
	return found
}

func (o *owners) stat(pid int) (procfs.ProcStat, error) {
	filesystem, err := procfs.NewFS(o.proc)
	if err != nil {
		return procfs.ProcStat{}, err
	}
	process, err := filesystem.Proc(pid)
	if err != nil {
		return procfs.ProcStat{}, err
	}
	return process.Stat()
}

func (o *owners) failed(err error) {
	o.errors[host.ReadError{Aspect: host.AspectFd, Reason: reasonOf(err)}]++
}

func socketName(inode uint64) string { return "socket:[" + strconv.FormatUint(inode, 10) + "]" }

func parseSocketName(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(digits, "]"), 10, 64)
	return inode, err == nil
}
