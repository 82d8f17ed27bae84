package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sockets/netns"
)

// fakeRouter has one link, number 3, into every namespace.
type fakeRouter struct{ egress map[string]int }

func (f fakeRouter) LinksInto(*os.File) (map[int]bool, error) { return map[int]bool{3: true}, nil }

func (f fakeRouter) EgressLink(address netip.Addr) (int, error) {
	if link := f.egress[address.String()]; link != 0 {
		return link, nil
	}
	return 0, errors.New("no route to host")
}

func (f fakeRouter) Close() {}

// localTrie is a fib_trie of addresses.
func localTrie(addresses ...string) (trie string) {
	for _, address := range addresses {
		trie += "|-- " + address + "\n   /32 host LOCAL\n"
	}
	return trie
}

// TestDial asks how the host, the exporter's own namespace and others are reached.
func TestDial(t *testing.T) {
	t.Parallel()
	opened := 0
	routes := func() (netns.Router, error) {
		opened++
		return fakeRouter{map[string]int{"10.0.0.60": 3, "10.0.0.61": 2, "169.254.0.1": 3}}, nil
	}
	f, s, given := newHost(t, Kernel{Routes: routes})
	// Without links that can be opened a file stands for each namespace.
	namespace := func(pid int, addresses ...string) string {
		f.enter(pid, "0", "")
		f.write(fmt.Sprintf("namespaces/%d", pid), "")
		f.write(fmt.Sprintf("%d/net/fib_trie", pid), localTrie(addresses...))
		var stat unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("%s/namespaces/%d", f.root, pid), &stat); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint(stat.Ino)
		*given = append(*given, model.NetNamespace{ID: id, PIDs: []int{pid}})
		f.link("net:["+id+"]", fmt.Sprintf("%s/%d/ns/net", f.root, pid))
		return id
	}
	own := namespace(50, "10.0.0.50")
	namespace(60, "10.0.0.60", "10.0.0.61", "10.0.0.62", "169.254.0.1")
	f.write("1/ns/x", "")
	f.link("net:[1]", f.root+"/1/ns/net")
	f.write("1/net/fib_trie", localTrie("192.0.2.1"))
	f.write("self/ns/x", "")
	f.link("net:["+own+"]", f.root+"/self/ns/net")
	dial := func(i int) string { return strings.Trim(fmt.Sprint(s.Snapshot().Namespaces[i].Dial), "[]") }
	sample(t, s, 1)
	if got := dial(0); got != "" {
		t.Errorf("the host's is another's here: %s", got)
	}
	if got := dial(1); got != "10.0.0.50 127.0.0.1 ::1" {
		t.Errorf("own: %s", got)
	}
	// The links of a fake /proc cannot be opened: so it is not reached.
	if got := dial(2); got != "" {
		t.Errorf("other: %s", got)
	}
	for i := range netns.DescribeEvery {
		sample(t, s, int64(2+i))
	}
	if opened != 2 {
		t.Errorf("routes were asked for %d times in %d samples", opened, netns.DescribeEvery+1)
	}
	f.link("net:[1]", f.root+"/self/ns/net")
	for i := range netns.DescribeEvery {
		sample(t, s, int64(20+i))
	}
	if got := dial(0); got != "192.0.2.1 127.0.0.1 ::1" {
		t.Errorf("the host's is its own now: %s", got)
	}
	if got := dial(1); got != "" {
		t.Errorf("not its own any more: %s", got)
	}
}
