package sockets

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/forward"
)

// listByPass returns the sockets of a pass, and those that no descriptor stands for.
func (s *Sensor) listByPass(now time.Time, seen *pass, fresh bool) ([]model.Socket, model.Share) {
	given := slices.Clone(s.options.Namespaces())
	known := map[string]bool{"": true}
	for _, namespace := range given {
		known[namespace.ID] = true
	}
	for i := range seen.sockets {
		// The namespace is younger than what the processes tell, or has sockets and no process.
		if socket := &seen.sockets[i]; !known[socket.NetNS] {
			known[socket.NetNS] = true
			given = append(given, model.NetNamespace{ID: socket.NetNS, PIDs: []int{seen.owners[socket.Inode].PID}})
		}
	}
	s.others.update(given, "the addresses of some network namespaces are not known")
	s.others.locate()

	sockets := slices.Clone(seen.sockets)
	if hosts, ok := s.diagnose(now); ok {
		sockets = s.mergeHost(sockets, hosts, seen, fresh)
	} else {
		s.ownerless = nil
	}
	sockets = append(sockets, s.others.withoutDescriptor(now, seen.owners)...)
	return unique(sockets), model.Share{Readable: len(known), Total: len(known)}
}

// mergeHost compares a pass with what sock_diag says of the host's namespace. What only
// sock_diag has is added if it did so the last time too: a socket may have been opened since
// the pass. What only a pass has that is not fresh was closed since.
func (s *Sensor) mergeHost(sockets, hosts []model.Socket, seen *pass, fresh bool) []model.Socket {
	open, ownerless := map[uint64]bool{}, map[uint64]bool{}
	for i := range hosts {
		inode := hosts[i].Inode
		open[inode] = true
		if _, hasOwner := seen.owners[inode]; hasOwner {
			continue
		}
		ownerless[inode] = true
		if s.ownerless[inode] {
			sockets = append(sockets, hosts[i])
		}
	}
	s.ownerless = ownerless
	if fresh {
		return sockets
	}
	return slices.DeleteFunc(sockets, func(socket model.Socket) bool { return socket.NetNS == "" && !open[socket.Inode] })
}

// listByTables returns the sockets of the tables of the host and, by turns, of other
// namespaces.
func (s *Sensor) listByTables(now time.Time) ([]model.Socket, model.Share, error) {
	sockets, share, err := s.readHost(now)
	if err != nil {
		return nil, share, err
	}
	s.others.update(s.options.Namespaces(), "the sockets of some network namespaces are not seen")
	inOthers, othersShare := s.others.read(now)
	share.Readable += othersShare.Readable
	share.Total += othersShare.Total
	return unique(append(sockets, inOthers...)), share, nil
}

// readHost reads the tables of pid 1, which is in the host's network namespace
// also when the exporter is not, or else those of the exporter's own.
func (s *Sensor) readHost(now time.Time) ([]model.Socket, model.Share, error) {
	if sockets, ok := s.diagnose(now); ok {
		return sockets, model.Share{Readable: len(tables()), Total: len(tables())}, nil
	}
	most := limits{sockets: len(tables()) * maxSockets}
	sockets, share, err := readListeners(s.host.Tables, most, s.failures)
	if share.Readable > 0 {
		return sockets, share, nil
	}
	proc := s.options.Proc
	s.failures.logOnce("the socket tables of pid 1 cannot be read, "+
		"only this process' own network namespace is seen; run as root, without hidepid", err)
	s.host.Tables, s.hostIsOwn = filepath.Join(proc, "net"), true
	sockets, share, err = readListeners(s.host.Tables, most, s.failures)
	if share.Readable == 0 {
		err = fmt.Errorf("no socket table could be read below %s, is it a /proc (--path.procfs)?: %w", proc, err)
		return nil, share, err
	}
	return sockets, share, nil
}

// diagnose asks sock_diag for the sockets of the host, if the exporter is in its namespace and
// the kernel answers.
func (s *Sensor) diagnose(now time.Time) (sockets []model.Socket, ok bool) {
	if !s.hostIsOwn || s.options.Kernel.Listeners == nil || now.Before(s.askAgain) {
		return nil, false
	}
	err := s.options.Kernel.Listeners(func(socket model.Socket) { sockets = append(sockets, socket) })
	if err != nil {
		s.askAgain = now.Add(forward.UnsupportedRest)
		s.failures.logOnce("the kernel does not list listening sockets by sock_diag, "+
			"they are read from /proc, which costs more", err)
		return nil, false
	}
	return sockets, true
}
