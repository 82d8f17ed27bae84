package sockets

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// errDone ends the search in a process whose further descriptors are not wanted.
var errDone = errors.New("all sockets are found")

// holding is a socket's owner and the descriptor that the socket was seen at.
type holding struct {
	owner *owner
	fd    string
}

// ownerSearch looks through the descriptors of all processes, the oldest first: workers
// inherit the sockets of their parents, and services are older than what is
// started in great numbers. It ends with the last wanted socket or when its time is up.
//
// It does not go by the process sensor's snapshot: a new socket mostly belongs to a process
// that is younger than the snapshot, so that all names in /proc are needed anyway, and a
// pid may be another process' by now.
type ownerSearch struct {
	processes *processReader
	catalogue *catalogue.Catalogue
	end       time.Time
	fdLimit   int
	wanted    map[uint64]bool // sockets by inode; those found are taken out
	found     map[uint64]holding
	owners    map[model.Identity]*owner // known ones, of which each is described once
	share     model.Share               // of the processes that it came to
}

// run returns how many of the processes that it came to could be looked through.
func (s *ownerSearch) run() model.Share {
	s.owners = map[model.Identity]*owner{}
	for _, held := range s.found {
		s.owners[held.owner.identity] = held.owner
	}
	processes := s.list()
	for i, process := range processes {
		if len(s.wanted) == 0 {
			break
		}
		if time.Now().After(s.end) {
			s.share.Total += len(processes) - i
			s.processes.failed(fmt.Errorf("look for the owners of %d sockets: %w", len(s.wanted), hostfs.ErrTimeout))
			break
		}
		s.count(s.lookThrough(process))
	}
	return s.share
}

// count takes how it went with one process. One that has ended is not counted.
func (s *ownerSearch) count(err error) {
	if err == nil {
		s.share.Readable++
		s.share.Total++
		return
	}
	s.processes.failed(err)
	if !hostfs.Vanished(err) {
		s.share.Total++
	}
}

// list returns the living processes, oldest first. Those whose age it cannot read (hidepid)
// are counted.
func (s *ownerSearch) list() []model.Identity {
	names, err := hostfs.ReadNames(s.processes.proc, -1)
	if err != nil {
		s.count(fmt.Errorf("list the processes: %w", err))
	}
	processes := make([]model.Identity, 0, len(names))
	for i, name := range names {
		pid, notPID := strconv.Atoi(name)
		if notPID != nil || pid <= 0 {
			continue
		}
		if time.Now().After(s.end) {
			s.share.Total += len(names) - i
			s.processes.failed(fmt.Errorf("list the processes: %w", hostfs.ErrTimeout))
			break
		}
		_, start, err := s.processes.stat(pid)
		if err != nil {
			s.count(err)
			continue
		}
		processes = append(processes, model.Identity{PID: pid, StartTime: start})
	}
	slices.SortFunc(processes, func(a, b model.Identity) int {
		return cmp.Or(cmp.Compare(a.StartTime, b.StartTime), cmp.Compare(a.PID, b.PID))
	})
	return processes
}

// lookThrough looks through the descriptors of one process.
func (s *ownerSearch) lookThrough(process model.Identity) error {
	err := s.processes.eachSocket(process.PID, s.fdLimit, s.end, func(inode uint64, descriptor string) error {
		if !s.wanted[inode] {
			return nil
		}
		found := s.owners[process]
		if found == nil {
			var err error
			if found, err = s.processes.describe(process, s.catalogue); err != nil {
				return err
			}
			s.owners[process] = found
		}
		s.found[inode] = holding{found, descriptor}
		delete(s.wanted, inode)
		if len(s.wanted) == 0 {
			return errDone
		}
		return nil
	})
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}
