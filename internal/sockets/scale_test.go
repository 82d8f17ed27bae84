package sockets

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// crowd adds processes without sockets, named by an attacker. They are links to
// one, which is made in less time.
func (f fakeProc) crowd(count int) {
	f.t.Helper()
	f.process(999, 7, "/x", nil, 1)
	f.write("999/stat", "999 (\xff) R 1 () S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 7 0 0\n")
	for pid := 1000; pid < 999+count; pid++ {
		f.link("999", f.root+"/"+strconv.Itoa(pid))
	}
}

// TestCrowd finds the one owner among 30,000 processes that started before it.
func TestCrowd(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.write("1/net/tcp", header+line("00000000", 8081, 0, 0x0a, 11))
	f.write("1/net/udp", header)
	f.crowd(30_000)
	f.process(50, 1_000_000, "/usr/bin/java", []string{"java", "org.apache.flink.X"}, 11)

	s := newSensor(t, f.root, 0)
	s.owners.searchTime = time.Minute // the machine is shared, and the race detector slow
	now := time.Unix(1, 0)
	if err := s.Sample(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if got := s.Snapshot().Sockets; len(got) != 1 || got[0].Owner.PID != 50 || got[0].App != "flink" {
		t.Errorf("%+v", got)
	}
	// /proc/1 has tables here but no stat: it counts as vanished.
	if want := (model.Share{Readable: 30_001, Total: 30_001}); s.owners.share != want {
		t.Errorf("share %+v, want %+v", s.owners.share, want)
	}
	for range 3 {
		now = now.Add(time.Hour)
		if err := s.Sample(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	if s.owners.searches != 1 {
		t.Errorf("%d searches, want 1", s.owners.searches)
	}
}

// BenchmarkSample is a steady host with 50,000 connections.
func BenchmarkSample(b *testing.B) {
	f := fakeProc{b, b.TempDir()}
	f.write("1/net/tcp", connections(50_000))
	f.write("1/net/udp", header)
	f.process(50, 1, "/x", nil, 11)
	s := newSensor(b, f.root, 0)
	for b.Loop() {
		if err := s.Sample(b.Context(), time.Unix(1, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWalk is the search for a socket that nobody holds.
func BenchmarkWalk(b *testing.B) {
	f := fakeProc{b, b.TempDir()}
	f.crowd(30_000)
	processes := newProcessReader(f.root, newFailures(log.NewNopLogger()))
	var share model.Share
	for b.Loop() {
		search := ownerSearch{processes: processes, wanted: map[uint64]bool{2: true}, end: time.Now().Add(time.Minute), fdLimit: 1}
		share = search.run()
	}
	if share.Readable != 30_000 {
		b.Fatalf("share %+v", share)
	}
}

// BenchmarkLive is a sample of this machine.
func BenchmarkLive(b *testing.B) {
	s := newSensor(b, "/proc", os.Getpid())
	for b.Loop() {
		if err := s.Sample(b.Context(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNamespaces is a steady host with 256 further namespaces of one listening
// socket each.
func BenchmarkNamespaces(b *testing.B) {
	f := fakeProc{b, b.TempDir()}
	f.write("1/net/tcp", header)
	f.write("1/net/udp", header)
	var namespaces []model.NetNamespace
	for pid := 50; pid < 50+maxNamespaces; pid++ {
		f.process(pid, 1, "/x", nil, pid)
		f.enter(pid, strconv.Itoa(pid), line("00000000", 80, 0, 0x0a, pid))
		f.write(strconv.Itoa(pid)+"/net/fib_trie", localTrie("10.0.0.5", "8.8.4.4"))
		namespaces = append(namespaces, model.NetNamespace{ID: strconv.Itoa(pid), PIDs: []int{pid}})
	}
	s := newSensor(b, f.root, 0)
	s.options.Namespaces = func() []model.NetNamespace { return namespaces }
	for b.Loop() {
		if err := s.Sample(b.Context(), time.Unix(1, 0)); err != nil {
			b.Fatal(err)
		}
	}
}
