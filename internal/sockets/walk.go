package sockets

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// fdBatch is how many names of a directory are read at once: a process may have
// a million of them.
const fdBatch = 1024

var (
	errStat        = fmt.Errorf("stat of a process: %w", errLine)
	errDescriptors = fmt.Errorf("%w: the process has too many descriptors", hostfs.ErrLimit)
)

// walk looks through the descriptors of all processes, the oldest first: workers
// inherit the sockets of their parents, and services are older than what is
// started in great numbers. What it finds is taken out of wanted. It ends with
// the last of them or when its time is up.
func (o *owners) walk(wanted map[uint64]bool, catalogue *catalogue.Catalogue) {
	end := time.Now().Add(o.walkTime)
	o.share = model.Share{}
	processes := o.list(end)
	shared := map[model.Identity]*owner{}
	for _, held := range o.known {
		shared[held.owner.identity] = held.owner
	}
	for i, process := range processes {
		if len(wanted) == 0 {
			return
		}
		if time.Now().After(end) {
			o.share.Total += len(processes) - i
			o.failed(fmt.Errorf("look for the owners of %d sockets: %w", len(wanted), hostfs.ErrTimeout))
			return
		}
		err := o.search(process, end, wanted, shared, catalogue)
		if err != nil {
			o.failed(err)
		}
		if !hostfs.Vanished(err) {
			o.share.Total++
		}
		if err == nil {
			o.share.Readable++
		}
	}
}

// list returns the living processes, oldest first. Those that it cannot tell the
// age of (hidepid) are counted as tried.
func (o *owners) list(end time.Time) []model.Identity {
	names, err := namesOf(o.proc)
	if err != nil {
		o.share.Total++
		o.failed(err)
	}
	processes := make([]model.Identity, 0, len(names))
	for i, name := range names {
		pid, notPID := strconv.Atoi(name)
		if notPID != nil || pid <= 0 {
			continue
		}
		if time.Now().After(end) {
			o.share.Total += len(names) - i
			o.failed(fmt.Errorf("list the processes: %w", hostfs.ErrTimeout))
			break
		}
		_, start, err := o.stat(pid)
		if err != nil {
			o.failed(err)
			if !hostfs.Vanished(err) {
				o.share.Total++
			}
			continue
		}
		processes = append(processes, model.Identity{PID: pid, StartTime: start})
	}
	slices.SortFunc(processes, func(a, b model.Identity) int {
		return cmp.Or(cmp.Compare(a.StartTime, b.StartTime), cmp.Compare(a.PID, b.PID))
	})
	return processes
}

func namesOf(directory string) ([]string, error) {
	file, err := os.Open(directory)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Readdirnames(-1)
}

// search looks through the descriptors of one process.
func (o *owners) search(process model.Identity, end time.Time, wanted map[uint64]bool, shared map[model.Identity]*owner, catalogue *catalogue.Catalogue) error {
	directory, err := os.Open(o.path(process.PID, "fd"))
	if err != nil {
		return err
	}
	defer directory.Close()
	for seen := 0; len(wanted) > 0; seen += fdBatch {
		names, err := directory.Readdirnames(fdBatch)
		if errors.Is(err, io.EOF) {
			return nil
		}
		switch {
		case err != nil:
			return err
		case seen >= o.fdLimit:
			return errDescriptors
		case time.Now().After(end):
			return hostfs.ErrTimeout
		}
		for _, name := range names {
			// Without ptrace access the names can be had (CAP_DAC_READ_SEARCH) but
			// not what they stand for.
			target, err := os.Readlink(directory.Name() + "/" + name)
			if errors.Is(err, os.ErrPermission) {
				return err
			}
			inode, ok := parseSocketName(target)
			if err != nil || !ok || !wanted[inode] {
				continue // closed in between, or none of ours
			}
			found := shared[process]
			if found == nil {
				if found, err = o.describe(process, catalogue); err != nil {
					return err
				}
				shared[process] = found
			}
			o.known[inode] = holding{found, name}
			delete(wanted, inode)
		}
	}
	return nil
}

func socketName(inode uint64) string { return "socket:[" + strconv.FormatUint(inode, 10) + "]" }

func parseSocketName(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, "socket:[")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, "]")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(digits, 10, 64)
	return inode, err == nil
}
