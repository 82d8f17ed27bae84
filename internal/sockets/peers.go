package sockets

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxPeers  = 64
	peersTime = time.Second // in one sample
)

// peerStates are those of a connection that had a peer lately: ESTABLISHED,
// FIN_WAIT1, FIN_WAIT2, TIME_WAIT and CLOSE_WAIT of include/net/tcp_states.h.
var peerStates = [...]string{"01", "04", "05", "06", "08"}

// peers returns the remote ends of connections to listening ports.
func (s *Sensor) peers(keys []model.SocketKey) []model.Peer {
	ports := map[string]map[uint16]bool{}
	for _, key := range keys {
		if key.Protocol != model.TCP {
			continue
		}
		if ports[key.NetNS] == nil {
			ports[key.NetNS] = map[uint16]bool{}
		}
		ports[key.NetNS][key.Port] = true
	}
	end := time.Now().Add(peersTime)
	found := map[model.Peer]bool{}
	for id, wanted := range ports {
		directory := s.directoryOf(id)
		if directory == "" {
			continue // it is no more
		}
		for _, file := range []string{"tcp", "tcp6"} {
			if err := readPeers(filepath.Join(directory, file), id, wanted, found, end); err != nil && !hostfs.Vanished(err) {
				s.failed(err)
				s.tell("not all connections to a service can be seen", err)
			}
		}
	}
	var peers []model.Peer
	for peer := range found {
		peers = append(peers, peer)
	}
	slices.SortFunc(peers, func(a, b model.Peer) int {
		return cmp.Or(cmp.Compare(a.NetNS, b.NetNS), cmp.Compare(a.Port, b.Port), a.Remote.Compare(b.Remote))
	})
	return peers
}

// readPeers adds those of one table to found. A line that cannot be understood is
// counted by the sensor's other reader.
func readPeers(name, id string, ports map[uint16]bool, found map[model.Peer]bool, end time.Time) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	reader := bufio.NewReaderSize(timedReader{file, end}, lineLimit)
	for len(found) < maxPeers { // more are not asked for
		line, err := reader.ReadSlice('\n')
		if peer, ok := parsePeer(line, id, ports); ok {
			found[peer] = true
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return nil
}

func parsePeer(line []byte, id string, ports map[uint16]bool) (model.Peer, bool) {
	_, line = cutField(line)
	local, line := cutField(line)
	remote, line := cutField(line)
	if !slices.Contains(peerStates[:], string(first(cutField(line)))) {
		return model.Peer{}, false
	}
	_, port, err := parseAddress(local)
	if err != nil || !ports[port] {
		return model.Peer{}, false
	}
	address, _, err := parseAddress(remote)
	return model.Peer{NetNS: id, Port: port, Remote: address.Unmap()}, err == nil
}
