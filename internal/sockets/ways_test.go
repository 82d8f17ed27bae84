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
)

// fakeRouter has one link, number 3, into every namespace.
type fakeRouter struct{ leave map[string]int }

func (f fakeRouter) Into(*os.File) (map[int]bool, error) { return map[int]bool{3: true}, nil }

func (f fakeRouter) Leave(address netip.Addr) (int, error) {
	if link := f.leave[address.String()]; link != 0 {
		return link, nil
	}
	return 0, errors.New("no route to host")
}

func (f fakeRouter) Close() {}

// local is a fib_trie of addresses.
func local(addresses ...string) (trie string) {
	for _, address := range addresses {
		trie += "|-- " + address + "\n   /32 host LOCAL\n"
	}
	return trie
}

// TestDial asks for the ways to the host, to the exporter's own namespace and to
// others.
func TestDial(t *testing.T) {
	t.Parallel()
	f, s, told := newNamespaces(t)
	// Without links that can be opened a file stands for each namespace.
	namespace := func(pid int, addresses ...string) string {
		f.enter(pid, "0", "")
		f.write(fmt.Sprintf("namespaces/%d", pid), "")
		f.write(fmt.Sprintf("%d/net/fib_trie", pid), local(addresses...))
		var stat unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("%s/namespaces/%d", f.root, pid), &stat); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint(stat.Ino)
		*told = append(*told, model.NetNamespace{ID: id, PIDs: []int{pid}})
		f.link("net:["+id+"]", fmt.Sprintf("%s/%d/ns/net", f.root, pid))
		return id
	}
	own := namespace(50, "10.0.0.50")
	namespace(60, "10.0.0.60", "10.0.0.61", "10.0.0.62", "169.254.0.1")
	f.write("1/ns/x", "")
	f.link("net:[1]", f.root+"/1/ns/net")
	f.write("1/net/fib_trie", local("192.0.2.1"))
	f.write("self/ns/x", "")
	f.link("net:["+own+"]", f.root+"/self/ns/net")
	opened := 0
	s.options.Kernel.Routes = func() (Router, error) {
		opened++
		return fakeRouter{map[string]int{"10.0.0.60": 3, "10.0.0.61": 2, "169.254.0.1": 3}}, nil
	}
	dial := func(i int) string { return strings.Trim(fmt.Sprint(s.Snapshot().Namespaces[i].Dial), "[]") }
	sample(t, s, 1)
	if got := dial(0); got != "" {
		t.Errorf("the host's is another's here: %s", got)
	}
	if got := dial(1); got != "10.0.0.50 127.0.0.1 ::1" {
		t.Errorf("own: %s", got)
	}
	// The links of a fake /proc cannot be opened: that is told, and not reached.
	if got := dial(2); got != "" {
		t.Errorf("other: %s", got)
	}
	for i := range describeEvery {
		sample(t, s, int64(2+i))
	}
	if opened != 2 {
		t.Errorf("routes were asked for %d times in %d samples", opened, describeEvery+1)
	}
	f.link("net:[1]", f.root+"/self/ns/net")
	for i := range describeEvery {
		sample(t, s, int64(20+i))
	}
	if got := dial(0); got != "192.0.2.1 127.0.0.1 ::1" {
		t.Errorf("the host's is its own now: %s", got)
	}
	if got := dial(1); got != "" {
		t.Errorf("not its own any more: %s", got)
	}
}

func TestWays(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.write("50/ns/net", "")
	var stat unix.Stat_t
	if err := unix.Stat(f.root+"/50/ns/net", &stat); err != nil {
		t.Fatal(err)
	}
	s := newSensor(t, f.root, 0)
	asked := &network{NetNamespace: model.NetNamespace{ID: fmt.Sprint(stat.Ino), PIDs: []int{49, 50}}}
	for _, address := range []string{"10.0.0.60", "10.0.0.61", "10.0.0.62", "2001:db8::1", "fe80::1"} {
		asked.Addresses = append(asked.Addresses, netip.MustParseAddr(address))
	}
	router := fakeRouter{map[string]int{"10.0.0.60": 3, "10.0.0.61": 2, "2001:db8::1": 3, "fe80::1": 3}}
	if got := fmt.Sprint(s.describer.ways(router, asked)); got != "[10.0.0.60 2001:db8::1]" {
		t.Errorf("%s", got)
	}
	asked.ID = "1"
	if got := s.describer.ways(router, asked); len(got) != 0 {
		t.Errorf("the process is in another namespace now: %v", got)
	}
	two := []model.NetNamespace{
		{Dial: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}},
		{Dial: []netip.Addr{netip.MustParseAddr("10.0.0.2")}},
	}
	if onlyOne(two); len(two[0].Dial) != 1 || len(two[1].Dial) != 0 {
		t.Errorf("two namespaces at one address: %+v", two)
	}
}
