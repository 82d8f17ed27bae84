package netns

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzAddresses: what is read are addresses that are there, each once, and those that others reach come first.
func FuzzAddresses(f *testing.F) {
	f.Add([]byte(trie), []byte("fe80000000000000505400fffe1dadb6 02 40 20 80     eth0\n20010db8000000000000000000000001 02 40 00 80     eth0\n"))
	f.Add([]byte("|-- 10.0.0.1%eth0\n/32 host LOCAL\n|-- ::1\n/32 host LOCAL\n"), []byte("00000000000000000000000000000001\n\n"))
	f.Add([]byte("|-- "), []byte("zz80000000000000505400fffe1dadb6 02"))
	directory := f.TempDir()
	f.Fuzz(func(t *testing.T, trie, inet6 []byte) {
		for name, content := range map[string][]byte{"fib_trie": trie, "if_inet6": inet6} {
			if err := os.WriteFile(filepath.Join(directory, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		addresses, err := readAddresses(directory)
		if len(addresses) > maxAddresses {
			t.Errorf("%d addresses", len(addresses))
		}
		local := slices.IndexFunc(addresses, netip.Addr.IsLinkLocalUnicast)
		for i, address := range addresses {
			if !address.IsValid() || address.IsLoopback() || address.IsUnspecified() || address.Zone() != "" || slices.Contains(addresses[:i], address) {
				t.Errorf("%s among %v", address, addresses)
			}
			if local >= 0 && i > local && !address.IsLinkLocalUnicast() {
				t.Errorf("%s comes behind those of one link: %v", address, addresses)
			}
			if address.Is4() && !strings.Contains(string(trie), address.String()) {
				t.Errorf("%s is not in %q", address, trie)
			}
		}
		if err == nil && len(addresses) > strings.Count(string(trie), "LOCAL")+strings.Count(string(inet6), "\n")+1 {
			t.Errorf("%v of %q and %q", addresses, trie, inet6)
		}
	})
}
