package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
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

func TestReachable(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "50/ns/net", "")
	var stat unix.Stat_t
	if err := unix.Stat(root+"/50/ns/net", &stat); err != nil {
		t.Fatal(err)
	}
	asked := &model.NetNamespace{ID: fmt.Sprint(stat.Ino), PIDs: []int{49, 50}}
	for _, address := range []string{"10.0.0.60", "10.0.0.61", "10.0.0.62", "2001:db8::1", "fe80::1"} {
		asked.Addresses = append(asked.Addresses, netip.MustParseAddr(address))
	}
	router := fakeRouter{map[string]int{"10.0.0.60": 3, "10.0.0.61": 2, "2001:db8::1": 3, "fe80::1": 3}}
	if got, err := Reachable(router, root, asked); fmt.Sprint(got) != "[10.0.0.60 2001:db8::1]" || err != nil {
		t.Errorf("%s %v", got, err)
	}
	asked.ID = "1"
	if got, err := Reachable(router, root, asked); len(got) != 0 {
		t.Errorf("the process is in another namespace now: %v %v", got, err)
	}
	two := []model.NetNamespace{
		{Dial: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}},
		{Dial: []netip.Addr{netip.MustParseAddr("10.0.0.2")}},
	}
	if removeShared(two); len(two[0].Dial) != 1 || len(two[1].Dial) != 0 {
		t.Errorf("two namespaces at one address: %+v", two)
	}
}
