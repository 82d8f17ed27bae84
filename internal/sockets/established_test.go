package sockets

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestConnectionsOfAWatchedProcess connects this process to itself and asks for
// both ends, of which only one is outbound.
func TestConnectionsOfAWatchedProcess(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	known, err := catalogue.New()
	if err != nil {
		t.Fatal(err)
	}
	var watched []model.Identity
	s := New(Options{
		Proc: "/proc", Catalogue: func() *catalogue.Catalogue { return known }, Logger: log.NewNopLogger(),
		Watched: func() []model.Identity { return watched },
	})
	first := time.Now()
	if err := s.Sample(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if got := s.Snapshot().Connections; len(got) != 0 {
		t.Errorf("nobody is watched: %v", got)
	}
	_, start, err := s.owners.processes.stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	watched = []model.Identity{{PID: os.Getpid(), StartTime: start}, {PID: os.Getpid(), StartTime: start + 1}, {PID: 1 << 30}}
	for _, now := range []time.Time{first.Add(time.Minute), first.Add(2 * time.Minute)} {
		if err := s.Sample(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	address := netip.MustParseAddrPort(listener.Addr().String())
	outbound, inbound := 0, 0
	for _, connection := range s.Snapshot().Connections {
		switch {
		case connection.Remote == address && connection.Outbound:
			outbound++
			if !connection.Since.Equal(first.Add(time.Minute)) || connection.Owner != watched[0] {
				t.Errorf("%+v", connection)
			}
		case connection.Local == address && !connection.Outbound:
			inbound++
		}
	}
	if outbound != 1 || inbound != 1 {
		t.Errorf("%d outbound and %d inbound of %v", outbound, inbound, s.Snapshot().Connections)
	}
}
