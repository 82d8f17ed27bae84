package processes

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
)

// enter puts a process into a namespace.
func (f *fakeProc) enter(process, name, namespace string) {
	f.t.Helper()
	link := filepath.Join(f.root, process, "ns", name)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		f.t.Fatal(err)
	}
	os.Remove(link)
	if err := os.Symlink(namespace, link); err != nil {
		f.t.Fatal(err)
	}
}

// TestNetworkNamespace tells whose network is not the host's, from the start and
// after a program has changed it by itself.
func TestNetworkNamespace(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	f.put(fakeProcess{pid: 1, start: 0, comm: "init", exe: "/usr/bin/init"})
	f.enter("1", "net", "net:[1]")
	f.put(fakeProcess{pid: 10, start: 1, comm: "inside", exe: "/usr/bin/inside"})
	f.enter("10", "net", "net:[4026532001]")
	const first, count = 100, 60
	for pid := first; pid < first+count; pid++ {
		f.put(fakeProcess{pid: pid, start: 1, comm: "p", exe: "/usr/bin/p"})
		f.enter(strconv.Itoa(pid), "net", "net:[1]")
	}
	s := f.sensor()
	snapshot := sampleAt(t, s, 100)
	if inside, outside := processOf(t, snapshot, 10), processOf(t, snapshot, first); inside.NetNS != "4026532001" || outside.NetNS != "" {
		t.Errorf("%q and %q", inside.NetNS, outside.NetNS)
	}
	for pid := first; pid < first+count; pid++ {
		f.enter(strconv.Itoa(pid), "net", "net:[7]")
	}
	noticed := 0
	for i := 1; i <= int(networkCycle/DefaultInterval); i++ {
		snapshot := sampleAt(t, s, 100+float64(i)*DefaultInterval.Seconds())
		now := 0
		for _, p := range snapshot.Processes {
			if p.NetNS == "7" {
				now++
			}
		}
		if now-noticed > count/10 {
			t.Errorf("sample %d asked %d of %d processes", i, now-noticed, count)
		}
		noticed = now
	}
	if noticed != count {
		t.Errorf("%d of %d are noticed within a minute", noticed, count)
	}
}

// TestNetworkNamespaceOfPid1IsHidden falls back to the exporter's own namespace only
// if it is the host's.
func TestNetworkNamespaceOfPid1IsHidden(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	f.enter("self", "net", "net:[1]")
	f.write("1/net/tcp", "")
	f.write("self/net/tcp", "")
	if got := procdir.HostNamespaces(f.root).Network; got != "" {
		t.Errorf("%q is not known to be the host's", got)
	}
	if err := os.Remove(filepath.Join(f.root, "self/net/tcp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(f.root, "1/net/tcp"), filepath.Join(f.root, "self/net/tcp")); err != nil {
		t.Fatal(err)
	}
	if got := procdir.HostNamespaces(f.root).Network; got != "1" {
		t.Errorf("%q", got)
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	for interval, want := range map[time.Duration]int{0: 1, time.Second: 60, 5 * time.Second: 12, 30 * time.Second: 2, time.Hour: 1} {
		if got := turns(networkCycle, interval); got != want {
			t.Errorf("%s: %d, want %d", interval, got, want)
		}
	}
}
