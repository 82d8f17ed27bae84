package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

// trie is what the kernel writes for a machine with one link.
const trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
     |-- 10.0.0.5
        /32 host LOCAL
        |-- 10.0.0.255
           /32 link BROADCAST
Local:
     |-- 10.0.0.5
        /32 host LOCAL
     |-- 8.8.4.4
        /32 host LOCAL
     |-- not an address at all
        /32 host LOCAL
`

func TestReadAddresses(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "net/fib_trie", trie)
	write(t, root, "net/if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"+
		"fe80000000000000505400fffe1dadb6 02 40 20 80     eth0\n"+
		"20010db8000000000000000000000001 02 40 00 80     eth0\n")
	want := []netip.Addr{
		netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("10.0.0.5"),
		netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::5054:ff:fe1d:adb6"),
	}
	if got, err := readAddresses(root + "/net"); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	write(t, root, "net/if_inet6", "garbage\n")
	if got, err := readAddresses(root + "/net"); !errors.Is(err, errLine) || len(got) != 2 {
		t.Errorf("%v %v", got, err)
	}
	if got, err := readAddresses(root + "/none"); !hostfs.Vanished(err) || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

func TestReadAddressesIsBounded(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "net/fib_trie", trie+strings.Repeat("        /24 universe UNICAST\n", addressBytes/28))
	if got, err := readAddresses(root + "/net"); !errors.Is(err, errLong) || len(got) != 2 {
		t.Errorf("%v %v", got, err)
	}
	var many strings.Builder
	for i := range 2 * maxAddresses {
		fmt.Fprintf(&many, "|-- 10.0.%d.%d\n/32 host LOCAL\n", i/256, i%256)
	}
	write(t, root, "net/fib_trie", many.String())
	if got, err := readAddresses(root + "/net"); !errors.Is(err, errLong) || len(got) != maxAddresses {
		t.Errorf("%d addresses, %v", len(got), err)
	}
}
