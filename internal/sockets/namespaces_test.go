package sockets

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// enter puts a process into a network namespace and writes the tables it sees.
func (f fakeProc) enter(pid int, id, tcp string) {
	f.t.Helper()
	f.write(fmt.Sprintf("%d/net/tcp", pid), header+tcp)
	f.write(fmt.Sprintf("%d/net/udp", pid), header)
	f.write(fmt.Sprintf("%d/ns/x", pid), "")
	f.link("net:["+id+"]", filepath.Join(f.root, strconv.Itoa(pid), "ns/net"))
}

// newHost returns a sensor of a host that listens on port 22, and the
// namespaces that it is given.
func newHost(t *testing.T, kernel ...Kernel) (fakeProc, *Sensor, *[]model.NetNamespace) {
	t.Helper()
	f := fakeProc{t, t.TempDir()}
	f.write("1/net/tcp", header+line("00000000", 22, 0, 0x0a, 1))
	f.write("1/net/udp", header)
	given := &[]model.NetNamespace{}
	s := newSensor(t, f.root, 0, kernel...)
	s.options.Namespaces = func() []model.NetNamespace { return *given }
	return f, s, given
}

func sample(t *testing.T, s *Sensor, second int64) *model.SocketSnapshot {
	t.Helper()
	if err := s.Sample(t.Context(), time.Unix(second, 0)); err != nil {
		t.Fatal(err)
	}
	return s.Snapshot()
}

// listening are the sockets as "namespace:port", in the order of the snapshot.
func listening(snapshot *model.SocketSnapshot) (all []string) {
	for _, socket := range snapshot.Sockets {
		all = append(all, fmt.Sprintf("%s:%d", socket.NetNS, socket.Port))
	}
	return all
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	f, s, given := newHost(t)
	f.process(50, 100, "/usr/bin/java", []string{"java", "org.apache.flink.X", "-Dlog.file=/opt/flink/log/x.log"}, 11)
	f.enter(50, "7", line("00000000", 8081, 0, 0x0a, 11)+line("00000000", 8081, 0, 0x0a, 12))
	f.enter(60, "8", line("00000000", 8081, 0, 0x0a, 13))
	f.enter(61, "9", line("00000000", 1, 0, 0x0a, 14)) // the pid is another's now
	*given = []model.NetNamespace{
		{ID: "7", PIDs: []int{49, 50}}, // the first has gone
		{ID: "8", PIDs: []int{61, 60}},
		{ID: "7", PIDs: []int{50}}, // given twice
		{ID: "10", PIDs: []int{70}},
	}
	snapshot := sample(t, s, 1)
	if diff := cmp.Diff([]string{":22", "7:8081", "8:8081"}, listening(snapshot)); diff != "" {
		t.Error(diff)
	}
	if flink := snapshot.Sockets[1]; flink.Owner.PID != 50 || flink.App != "flink" || flink.LogFile != "/opt/flink/log/x.log" {
		t.Errorf("%+v", flink)
	}
	if other := snapshot.Sockets[2]; other.LogFile != "" || other.Confidence != model.ConfidencePort {
		t.Errorf("%+v", other)
	}
	if share := snapshot.Visibility[model.AspectNetns]; share != (model.Share{Readable: 6, Total: 6}) || len(snapshot.ReadErrors) > 1 {
		t.Errorf("a namespace that vanished is no failure: %+v %v", share, snapshot.ReadErrors)
	}
	if len(snapshot.Namespaces) != 3 {
		t.Errorf("%+v", snapshot.Namespaces)
	}
	*given = (*given)[1:2]
	if diff := cmp.Diff([]string{":22", "8:8081"}, listening(sample(t, s, 2))); diff != "" {
		t.Error(diff)
	}
}

// TestNamespacesTakeTurns has time for one namespace in each sample.
func TestNamespacesTakeTurns(t *testing.T) {
	t.Parallel()
	f, s, given := newHost(t)
	s.others.time = -time.Second
	for pid := 50; pid < 53; pid++ {
		f.enter(pid, strconv.Itoa(pid), line("00000000", uint16(pid), 0, 0x0a, pid))
		*given = append(*given, model.NetNamespace{ID: strconv.Itoa(pid), PIDs: []int{pid}})
	}
	for i, want := range [][]string{
		{":22", "50:50"}, {":22", "50:50", "51:51"}, {":22", "50:50", "51:51", "52:52"}, {":22", "50:99", "51:51", "52:52"},
	} {
		if i == 2 {
			f.enter(50, "50", line("00000000", 99, 0, 0x0a, 50))
		}
		snapshot := sample(t, s, int64(i))
		if diff := cmp.Diff(want, listening(snapshot)); diff != "" {
			t.Errorf("sample %d: %s", i, diff)
		}
		read := min(i+1, 3)
		if share := snapshot.Visibility[model.AspectNetns]; share != (model.Share{Readable: 2 + 2*read, Total: 2 + 2*read + 3 - read}) {
			t.Errorf("sample %d: %+v", i, share)
		}
	}
}

// TestEmptyNamespace does not read a table that the kernel counts no socket in.
func TestEmptyNamespace(t *testing.T) {
	t.Parallel()
	f, s, given := newHost(t)
	f.enter(50, "7", "garbage\n")
	f.write("50/net/tcp6", header+line(strings.Repeat("0", 32), 80, 0, 0x0a, 5))
	f.write("50/net/sockstat", "sockets: used 9\nTCP: inuse 0 orphan 0 tw 4 alloc 12 mem 3\nUDP: inuse 0 mem 0\n")
	f.write("50/net/sockstat6", "TCP6: inuse 1\nUDP6: inuse 0\n")
	*given = []model.NetNamespace{{ID: "7", PIDs: []int{50}}}
	snapshot := sample(t, s, 1)
	if diff := cmp.Diff([]string{":22", "7:80"}, listening(snapshot)); diff != "" {
		t.Error(diff)
	}
	if share := snapshot.Visibility[model.AspectNetns]; share != (model.Share{Readable: 5, Total: 5}) {
		t.Errorf("%+v", share)
	}
	f.write("50/net/sockstat", "TCP: inuse\n\xff")
	if share := sample(t, s, 2).Visibility[model.AspectNetns]; share != (model.Share{Readable: 4, Total: 5}) {
		t.Errorf("a count that cannot be understood: %+v", share)
	}
}

func TestTooManyNamespaces(t *testing.T) {
	t.Parallel()
	f, s, given := newHost(t)
	s.others.time = time.Minute
	f.enter(50, "50", line("00000000", 50, 0, 0x0a, 50))
	for i := range maxNamespaces + 44 {
		*given = append(*given, model.NetNamespace{ID: strconv.Itoa(50 + i), PIDs: []int{50 + i}})
	}
	snapshot := sample(t, s, 1)
	if share := snapshot.Visibility[model.AspectNetns]; share.Total-share.Readable != 44 {
		t.Errorf("%+v", share)
	}
	if len(s.others.known) != maxNamespaces || snapshot.ReadErrors[model.ReadError{Aspect: model.AspectNetns, Reason: model.ReasonOther}] != 1 {
		t.Errorf("%d are kept, %v", len(s.others.known), snapshot.ReadErrors)
	}
}

// TestFullNamespaces has namespaces with more sockets than are kept.
func TestFullNamespaces(t *testing.T) {
	t.Parallel()
	f, s, given := newHost(t)
	s.others.time = time.Minute
	var many strings.Builder
	for port := range namespaceSockets + 1 {
		many.WriteString(line("00000000", uint16(1+port), 0, 0x0a, 1000+port))
	}
	for pid := 50; pid < 56; pid++ {
		f.enter(pid, strconv.Itoa(pid), many.String())
		*given = append(*given, model.NetNamespace{ID: strconv.Itoa(pid), PIDs: []int{pid}})
	}
	for second := range int64(2) {
		snapshot := sample(t, s, second)
		if got := len(snapshot.Sockets); got != 1+othersSockets {
			t.Errorf("%d sockets, want %d", got, 1+othersSockets)
		}
		if share := snapshot.Visibility[model.AspectNetns]; share.Readable == share.Total {
			t.Errorf("nothing tells of it: %+v", share)
		}
	}
}

// TestDeniedNamespace keeps what was known of a namespace that may not be looked at
// any more.
func TestDeniedNamespace(t *testing.T) {
	t.Parallel()
	f, s, given := newHost(t)
	f.enter(50, "50", line("00000000", 50, 0, 0x0a, 50))
	*given = []model.NetNamespace{{ID: "50", PIDs: []int{50}}}
	sample(t, s, 1)
	link := filepath.Join(f.root, "50/ns/net")
	os.Remove(link)
	f.write("50/ns/net", "no link") // EINVAL
	snapshot := sample(t, s, 2)
	if diff := cmp.Diff([]string{":22", "50:50"}, listening(snapshot)); diff != "" {
		t.Error(diff)
	}
	if share := snapshot.Visibility[model.AspectNetns]; share != (model.Share{Readable: 2, Total: 3}) {
		t.Errorf("%+v", share)
	}
}

// TestUniquePerNamespace keeps one socket for each, whoever shares it.
func TestUniquePerNamespace(t *testing.T) {
	t.Parallel()
	one := model.Socket{Protocol: model.TCP, Address: "0.0.0.0", Port: 80, Inode: 5}
	again, inside := one, one
	again.Inode, inside.NetNS = 4, "7"
	if got := unique([]model.Socket{inside, one, again}); len(got) != 2 || got[0].Inode != 4 || got[1].NetNS != "7" {
		t.Errorf("%+v", got)
	}
}
