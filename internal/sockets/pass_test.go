package sockets

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/sockiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// fakeIterator gives what it holds at each pass.
type fakeIterator struct {
	sockets []sockiter.Socket
	watched []int
	passes  int
	err     error
}

func (f *fakeIterator) Read(watched []int, each func(*sockiter.Socket) error) error {
	f.passes, f.watched = f.passes+1, watched
	for i := range f.sockets {
		if err := each(&f.sockets[i]); err != nil {
			return err
		}
	}
	return f.err
}

const hostsNetNS = 4 // of a fake host

// listenerOf is a TCP listener at all addresses, of a process that started some ticks after boot.
func listenerOf(pid, start, inode int, netns uint32, port uint16) sockiter.Socket {
	return sockiter.Socket{
		Owner: sockiter.Owner{PID: pid, Start: time.Duration(start) * startTick, Comm: [16]byte{'k'}},
		Inode: uint64(inode), NetNS: netns, Protocol: unix.IPPROTO_TCP, State: sockiter.Listen,
		Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port),
	}
}

// withIterator returns the sensor of a fake host whose kernel has an iterator, and what else it
// is given.
func withIterator(t *testing.T, sockets ...sockiter.Socket) (fakeProc, *Sensor, *fakeIterator, *[]model.NetNamespace) {
	t.Helper()
	iterator := &fakeIterator{sockets: sockets}
	f, s, given := newHost(t, Kernel{Sockets: iterator.Read})
	f.enter(1, strconv.Itoa(hostsNetNS), line("00000000", 22, 0, 0x0a, 1))
	return f, s, iterator, given
}

func TestPass(t *testing.T) {
	t.Parallel()
	v6 := listenerOf(51, 7, 14, hostsNetNS, 8084)
	v6.Local = netip.AddrPortFrom(netip.IPv6Unspecified(), 8084)
	v6only := v6
	v6only.Inode, v6only.V6Only, v6only.Local = 15, true, netip.AddrPortFrom(netip.IPv6Unspecified(), 8085)
	mapped := v6
	mapped.Inode, mapped.Local = 16, netip.MustParseAddrPort("[::ffff:10.0.0.1]:8086")
	udp := listenerOf(51, 7, 17, 7, 53)
	udp.Protocol, udp.State = unix.IPPROTO_UDP, sockiter.Close
	f, s, iterator, given := withIterator(t,
		listenerOf(60, 300, 11, 7, 8081), // a worker
		listenerOf(50, 100, 11, 7, 8081),
		listenerOf(70, 200, 11, 7, 8081),
		listenerOf(52, 8, 13, 8, 8083), // its namespace is not given
		v6, v6only, mapped, udp,
	)
	f.process(50, 100, "/usr/bin/java", []string{"java", "org.apache.flink.X", "-Dlog.file=/opt/flink/log/x.log"})
	f.process(51, 7, "/usr/bin/x", nil)
	f.enter(50, "7", "")
	f.process(52, 8, "/usr/bin/y", nil)
	f.enter(52, "8", "")
	*given = []model.NetNamespace{{ID: "7", PIDs: []int{49, 50}}}
	snapshot := sample(t, s, 1)
	if diff := cmp.Diff([]string{":8084", ":8085", ":8086", "7:8081", "7:53", "8:8083"}, listening(snapshot)); diff != "" {
		t.Fatal(diff)
	}
	if got := snapshot.Sockets; !got[0].DualStack || got[1].DualStack || got[2].DualStack || got[2].Address != "10.0.0.1" || got[4].Protocol != model.UDP {
		t.Errorf("%+v", got)
	}
	if flink := snapshot.Sockets[3]; flink.Owner != (model.Identity{PID: 50, StartTime: 100}) || flink.App != "flink" || flink.LogFile != "/opt/flink/log/x.log" || flink.OwnerComm != "p50" {
		t.Errorf("%+v", flink)
	}
	if len(snapshot.Namespaces) != 3 || snapshot.Namespaces[2].ID != "8" {
		t.Errorf("%+v", snapshot.Namespaces)
	}
	if share := snapshot.Visibility[model.AspectNetns]; share != (model.Share{Readable: 3, Total: 3}) {
		t.Errorf("%+v", share)
	}
	if share := snapshot.Visibility[model.AspectFd]; share != (model.Share{Readable: 3, Total: 3}) {
		t.Errorf("%+v", share)
	}
	if iterator.passes != 1 || s.owners.searches != 0 {
		t.Errorf("%d passes, %d searches", iterator.passes, s.owners.searches)
	}
}

// TestOwnersArePassedOnce: an owner is read when it is new and when it executes something.
func TestOwnersArePassedOnce(t *testing.T) {
	t.Parallel()
	f, s, iterator, _ := withIterator(t, listenerOf(50, 100, 11, hostsNetNS, 8081))
	f.process(50, 100, "/usr/bin/java", []string{"java", "org.apache.flink.X"})
	app := func(second int64) string { t.Helper(); return sample(t, s, 100*second).Sockets[0].App }
	if got := app(1); got != "flink" {
		t.Fatal(got)
	}
	f.process(50, 100, "/usr/bin/dockerd", []string{"dockerd"})
	if got := app(2); got != "flink" {
		t.Errorf("%s: it was read again although nothing happened", got)
	}
	iterator.sockets[0].Owner.Execs++
	if got := app(3); got != "docker" {
		t.Errorf("%s after an exec", got)
	}
	f.process(50, 100, "/usr/bin/java", []string{"java", "org.apache.flink.X"})
	for second := range int64(retryEvery) {
		app(4 + second)
	}
	if got := app(99); got != "flink" {
		t.Errorf("%s: it is read once in a while", got)
	}
	// It ends: the kernel has told its name.
	if err := os.RemoveAll(filepath.Join(f.root, "50")); err != nil {
		t.Fatal(err)
	}
	iterator.sockets[0].Owner.Execs++
	if got := sample(t, s, 100*100).Sockets[0]; got.Owner.PID != 50 || got.OwnerComm != "k" || got.OwnerExe != "" {
		t.Errorf("%+v", got)
	}
	iterator.sockets = nil
	sample(t, s, 101*100)
	if len(s.owners.described) != 0 {
		t.Errorf("%d owners are remembered", len(s.owners.described))
	}
}

// TestManyNewOwners: the oldest are read first, and one at least in each sample.
func TestManyNewOwners(t *testing.T) {
	t.Parallel()
	f, s, iterator, _ := withIterator(t)
	s.owners.describeTime = -time.Second
	for pid := 50; pid < 53; pid++ {
		f.process(pid, 200-pid, "/x", nil)
		iterator.sockets = append(iterator.sockets, listenerOf(pid, 200-pid, pid, hostsNetNS, uint16(pid)))
	}
	for second, want := range [][]string{{"k", "k", "p52"}, {"k", "p51", "p52"}, {"p50", "p51", "p52"}} {
		snapshot := sample(t, s, 100*int64(second))
		var got []string
		for _, socket := range snapshot.Sockets {
			got = append(got, socket.OwnerComm)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if share := snapshot.Visibility[model.AspectFd]; share != (model.Share{Readable: second + 1, Total: 3}) {
			t.Errorf("%+v", share)
		}
	}
}

// TestPassIsBounded has a namespace with too many sockets, and too many of them.
func TestPassIsBounded(t *testing.T) {
	t.Parallel()
	_, s, iterator, _ := withIterator(t)
	for netns := range uint32(6) {
		for i := range namespaceSockets + 1 {
			inode := int(netns)*2*namespaceSockets + i + 1
			iterator.sockets = append(iterator.sockets, listenerOf(50, 1, inode, 1000+netns, uint16(i+1)))
		}
	}
	iterator.sockets = append(iterator.sockets, listenerOf(50, 1, 1<<30, hostsNetNS, 22))
	for range 2 * maxDescriptors {
		connection := listenerOf(50, 1, 5, hostsNetNS, 80)
		connection.State = sockiter.Established
		iterator.sockets = append(iterator.sockets, connection)
	}
	snapshot := sample(t, s, 1)
	if len(snapshot.Sockets) != othersSockets+1 || snapshot.Sockets[0].NetNS != "" {
		t.Errorf("%d sockets, the first %+v", len(snapshot.Sockets), snapshot.Sockets[0])
	}
	if len(s.passes.last.connections) != maxDescriptors {
		t.Errorf("%d connections", len(s.passes.last.connections))
	}
	if snapshot.ReadErrors[model.ReadError{Aspect: model.AspectNetns, Reason: model.ReasonOther}] == 0 {
		t.Errorf("%v", snapshot.ReadErrors)
	}
}

// TestPassFails falls back on tables, and tries again later.
func TestPassFails(t *testing.T) {
	t.Parallel()
	f, s, iterator, given := withIterator(t, listenerOf(50, 1, 11, 7, 8081))
	f.process(50, 1, "/x", nil, 12)
	f.enter(50, "7", line("00000000", 8082, 0, 0x0a, 12))
	*given = []model.NetNamespace{{ID: "7", PIDs: []int{50}}}
	iterator.err = errors.New("not any more")
	for _, second := range []int64{1, 599} {
		if got := listening(sample(t, s, second)); !slices.Equal(got, []string{":22", "7:8082"}) {
			t.Errorf("%q", got)
		}
	}
	iterator.err = nil
	if got := listening(sample(t, s, 2000)); !slices.Equal(got, []string{"7:8081"}) || iterator.passes != 2 {
		t.Errorf("%q after %d passes", got, iterator.passes)
	}
	if got := s.Snapshot().Sockets[0].Owner.PID; got != 50 {
		t.Errorf("owner %d", got)
	}
}

// TestRestAfterAPass: what sock_diag knows of the host is newer than a pass that cost much.
func TestRestAfterAPass(t *testing.T) {
	t.Parallel()
	hosts := []model.Socket{{Protocol: model.TCP, Address: "0.0.0.0", Port: 80, Inode: 11}}
	_, s, iterator, _ := withIterator(t, listenerOf(50, 1, 11, hostsNetNS, 80), listenerOf(51, 1, 12, hostsNetNS, 81), listenerOf(52, 1, 13, 7, 82))
	s.options.Kernel.Listeners = func(found func(model.Socket)) error {
		for _, socket := range hosts {
			found(socket)
		}
		return nil
	}
	f := fakeProc{t, s.options.Proc}
	f.enter(2, strconv.Itoa(hostsNetNS), "")
	f.link("2", filepath.Join(f.root, "self"))
	if got := listening(sample(t, s, 100)); !slices.Equal(got, []string{":80", ":81", "7:82"}) {
		t.Errorf("%q: what a fresh pass has counts, whatever sock_diag says", got)
	}
	s.passes.notBefore = time.Unix(300, 0)
	if got := listening(sample(t, s, 200)); !slices.Equal(got, []string{":80", "7:82"}) || iterator.passes != 1 {
		t.Errorf("%q after %d passes", got, iterator.passes)
	}
	if got := listening(sample(t, s, 300)); !slices.Equal(got, []string{":80", ":81", "7:82"}) || iterator.passes != 2 {
		t.Errorf("%q after %d passes", got, iterator.passes)
	}
	// What has no descriptor counts the second time.
	hosts = append(hosts, model.Socket{Protocol: model.TCP, Address: "0.0.0.0", Port: 2049, Inode: 14})
	sample(t, s, 400)
	if got := listening(s.Snapshot()); !slices.Equal(got, []string{":80", ":81", "7:82"}) {
		t.Errorf("%q", got)
	}
	if got := listening(sample(t, s, 500)); !slices.Equal(got, []string{":80", ":81", ":2049", "7:82"}) {
		t.Errorf("%q", got)
	}
}

// TestSocketsWithoutDescriptor looks into the tables of other namespaces by turns.
func TestSocketsWithoutDescriptor(t *testing.T) {
	t.Parallel()
	f, s, iterator, given := withIterator(t, listenerOf(50, 1, 11, 7, 80))
	for pid, id := range map[int]string{50: "7", 60: "8"} {
		f.process(pid, 1, "/x", nil)
		f.enter(pid, id, line("00000000", 80, 0, 0x0a, 11)+line("00000000", 2049, 0, 0x0a, pid))
	}
	*given = []model.NetNamespace{{ID: "7", PIDs: []int{50}}, {ID: "8", PIDs: []int{60}}}
	now := int64(0)
	look := func(want ...string) {
		t.Helper()
		now += 3600
		if got := listening(sample(t, s, now)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	look("7:80")
	look("7:80", "7:2049")
	look("7:80", "7:2049") // the turn of the other
	look("7:80", "7:2049", "8:2049")
	iterator.sockets = append(iterator.sockets, listenerOf(60, 1, 60, 8, 2049)) // it has one now
	f.enter(50, "7", line("00000000", 80, 0, 0x0a, 11))                         // closed
	look("7:80", "8:2049")
	if got := s.Snapshot().Sockets[1].Owner.PID; got != 60 {
		t.Errorf("owner %d", got)
	}
	s.others.checkAgain = time.Unix(now+7200, 0)
	f.enter(50, "7", line("00000000", 81, 0, 0x0a, 91))
	look("7:80", "8:2049")
}

// TestWatchedByPass: connections count for the process that is watched, not for another one
// with its number.
func TestWatchedByPass(t *testing.T) {
	t.Parallel()
	connection := listenerOf(50, 100, 11, 7, 5555)
	connection.State, connection.Remote = sockiter.Established, netip.MustParseAddrPort("[::ffff:203.0.113.9]:3333")
	connection.Local = netip.MustParseAddrPort("10.0.0.1:5555")
	incoming := connection
	incoming.Inode, incoming.Local = 12, netip.MustParseAddrPort("10.0.0.1:80")
	former := connection
	former.Inode, former.Owner.Start = 13, 0
	_, s, iterator, _ := withIterator(t, listenerOf(50, 100, 10, 7, 80), connection, connection, incoming, former)
	watched := model.Identity{PID: 50, StartTime: 100}
	s.options.Watched = func() []model.Identity { return []model.Identity{watched} }
	got := sample(t, s, 1).Connections
	want := []model.Connection{
		{Owner: watched, Local: connection.Local, Remote: netip.MustParseAddrPort("203.0.113.9:3333"), Outbound: true, Since: time.Unix(1, 0)},
		{Owner: watched, Local: incoming.Local, Remote: netip.MustParseAddrPort("203.0.113.9:3333"), Since: time.Unix(1, 0)},
	}
	slices.SortFunc(got, func(a, b model.Connection) int { return -a.Local.Compare(b.Local) })
	if !slices.Equal(got, want) || !slices.Equal(iterator.watched, []int{50}) {
		t.Errorf("%+v, want %+v; watched %v", got, want, iterator.watched)
	}
}

// BenchmarkPass is a steady host with 400 owners in 100 namespaces.
func BenchmarkPass(b *testing.B) {
	f := fakeProc{b, b.TempDir()}
	iterator := &fakeIterator{}
	var namespaces []model.NetNamespace
	f.enter(1, strconv.Itoa(hostsNetNS), "")
	for pid := 50; pid < 450; pid++ {
		f.process(pid, 1, "/x", nil)
		netns := 1000 + pid%100
		f.enter(pid, strconv.Itoa(netns), "")
		iterator.sockets = append(iterator.sockets, listenerOf(pid, 1, pid, uint32(netns), uint16(pid)))
		if pid < 150 {
			namespaces = append(namespaces, model.NetNamespace{ID: strconv.Itoa(netns), PIDs: []int{pid}})
		}
	}
	known := newCatalogue(b)
	s := New(Options{
		Proc: f.root, Root: f.root, Catalogue: func() *catalogue.Catalogue { return known }, Kernel: Kernel{Sockets: iterator.Read},
		Namespaces: func() []model.NetNamespace { return namespaces },
	})
	for b.Loop() {
		if err := s.Sample(b.Context(), time.Unix(1, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

// TestBrief has sockets that were open between two samples only.
func TestBrief(t *testing.T) {
	t.Parallel()
	f, s, _, _ := withIterator(t, listenerOf(50, 100, 11, hostsNetNS, 80))
	f.process(50, 100, "/usr/bin/java", []string{"java", "org.apache.flink.X"})
	var noted []sockiter.Socket
	all := true
	s.passes.noted = func(each func(*sockiter.Socket)) bool {
		for i := range noted {
			each(&noted[i])
		}
		noted = nil
		return all
	}
	loopback := listenerOf(51, 7, 14, hostsNetNS, 8083)
	loopback.Local = netip.MustParseAddrPort("127.0.0.1:8083")
	noted = []sockiter.Socket{
		listenerOf(50, 100, 11, hostsNetNS, 80), // still open
		listenerOf(50, 100, 12, 7, 8081),
		listenerOf(50, 100, 13, 7, 8081), // once more
		loopback,
		listenerOf(52, 8, 15, hostsNetNS, 8084), // its process has ended
	}
	brief := func(second int64) (all []string) {
		t.Helper()
		for _, socket := range sample(t, s, second).RecentlyClosed {
			all = append(all, socket.NetNS+":"+strconv.Itoa(int(socket.Port))+" "+socket.OwnerComm+" "+socket.App)
		}
		return all
	}
	want := []string{"7:8081 p50 flink", ":8084 k "}
	for second := range int64(2) {
		if got := brief(100 * second); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := listening(s.Snapshot()); !slices.Equal(got, []string{":80"}) {
		t.Errorf("%q listen", got)
	}
	for i := range 2 * maxBrief {
		noted = append(noted, listenerOf(60, 9, 100+i, hostsNetNS, uint16(1000+i)))
	}
	all = false
	got := brief(300)
	if len(got) != 2+maxBrief || got[len(got)-1] != ":"+strconv.Itoa(1000+2*maxBrief-1)+" k " {
		t.Errorf("%d: %q", len(got), got)
	}
	if s.Snapshot().ReadErrors[model.ReadError{Aspect: model.AspectNetns, Reason: model.ReasonOther}] == 0 {
		t.Errorf("nobody says that some are lost: %v", s.Snapshot().ReadErrors)
	}
}
