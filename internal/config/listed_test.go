package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	knownHash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	otherHash = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

// withLists writes a configuration that names a file of each kind.
func withLists(t *testing.T, hashes, pools string) (config, hashFile, poolFile string) {
	t.Helper()
	directory := t.TempDir()
	hashFile, poolFile = filepath.Join(directory, "hashes.txt"), filepath.Join(directory, "pools.txt")
	config = filepath.Join(directory, "config.yml")
	for name, content := range map[string]string{
		hashFile: hashes, poolFile: pools,
		config: fmt.Sprintf("known_miner_sha256: [%s]\npool_addresses: [198.51.100.1]\nknown_miner_sha256_files: [%s]\npool_address_files: [%s]\n", otherHash, hashFile, poolFile),
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config, hashFile, poolFile
}

func TestLists(t *testing.T) {
	t.Parallel()
	name, hashFile, _ := withLists(t, "# of a feed\n\n"+strings.ToUpper(knownHash)+" # dropper\r\n", "192.0.2.1\n192.0.2.2:443\n203.0.113.0/24 # all\n2001:db8::1\n")
	old := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes(hashFile, old, old); err != nil {
		t.Fatal(err)
	}
	c, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	for hash, want := range map[string]bool{knownHash: true, otherHash: true, strings.Repeat("0", 64): false, "": false} {
		if got := c.Policy.IsKnownHash(hash); got != want {
			t.Errorf("hash %q: %v", hash, got)
		}
	}
	for address, want := range map[string]bool{
		"192.0.2.1:1": true, "192.0.2.2:443": true, "192.0.2.2:444": false, "203.0.113.77:3333": true, "[2001:db8::1]:1": true, "198.51.100.1:1": true, "198.51.100.2:1": false,
	} {
		if got := c.Policy.IsPool(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("pool %s: %v", address, got)
		}
	}
	counted := c.Lists()
	if counted.Hashes != 2 || counted.Pools != 5 || !counted.HashesModified.Equal(old) || time.Since(counted.PoolsModified) > time.Hour {
		t.Errorf("%+v", counted)
	}
}

// TestListsAreReadAgain: a file that changes, also one of the same size and time, or that another takes the place of, is read; one with a mistake
// changes nothing.
func TestListsAreReadAgain(t *testing.T) {
	t.Parallel()
	name, hashFile, _ := withLists(t, knownHash+"\n", "192.0.2.1\n")
	c, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	if next, err := c.WithNewLists(); next != nil || err != nil {
		t.Fatalf("nothing has changed: %v, %v", next, err)
	}
	stat, err := os.Stat(hashFile)
	if err != nil {
		t.Fatal(err)
	}
	third := strings.Repeat("ab", 32)
	if err := os.WriteFile(hashFile+".new", []byte(third+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(hashFile+".new", stat.ModTime(), stat.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(hashFile+".new", hashFile); err != nil {
		t.Fatal(err)
	}
	next, err := c.WithNewLists()
	if err != nil || next == nil || !next.Policy.IsKnownHash(third) || next.Policy.IsKnownHash(knownHash) || !next.Policy.IsPool(netip.MustParseAddrPort("192.0.2.1:1")) {
		t.Fatalf("%v, %v", next, err)
	}
	if !c.Policy.IsKnownHash(knownHash) || c.Policy.IsKnownHash(third) {
		t.Error("what is in force was changed")
	}
	for what, spoil := range map[string]func() error{
		"a mistake": func() error { return os.WriteFile(hashFile, []byte("x\n"), 0o600) },
		"gone":      func() error { return os.Remove(hashFile) },
		"a FIFO":    func() error { return syscall.Mkfifo(hashFile, 0o600) },
	} {
		if err := os.RemoveAll(hashFile); err != nil {
			t.Fatal(err)
		}
		if err := spoil(); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if _, err := next.WithNewLists(); err == nil || !strings.Contains(err.Error(), hashFile) {
			t.Errorf("%s: the error does not name the file: %v", what, err)
		}
	}
}

func TestListMistakes(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range maxRanges + 1 {
		fmt.Fprintf(&many, "10.%d.%d.0/24\n", i/256, i%256)
	}
	var hashes strings.Builder
	for i := range maxListed + 1 {
		fmt.Fprintf(&hashes, "%064x\n", i)
	}
	for what, c := range map[string]struct{ hashes, pools, want string }{
		"no hash":          {"abc\n", "", "hashes.txt, line 1: it is not 64 hex digits"},
		"no address":       {"", "\npool.example.com:3333\n", `pools.txt, line 2: "pool.example.com:3333" is not an address`},
		"a long line":      {strings.Repeat("x", 4096), "", "hashes.txt: bufio.Scanner: token too long"},
		"too many ranges":  {"", many.String(), "more than 1024 ranges"},
		"too many hashes":  {hashes.String(), "", "more than 100000"},
		"binary":           {"\x7fELF\x00", "", "line 1: it is not 64 hex digits"},
		"a very long file": {strings.Repeat("#\n", listSizeLimit/2+1), "", "is larger than"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			name, _, _ := withLists(t, c.hashes, c.pools)
			if _, err := Load(name); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func FuzzList(f *testing.F) {
	f.Add([]byte("# x\n192.0.2.1\n"))
	f.Add([]byte(knownHash + " # y\r\n\n203.0.113.0/24\n"))
	path := filepath.Join(f.TempDir(), "list")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		lines := 0
		if _, err := readList(path, func(line string) error {
			if lines++; line == "" || strings.ContainsAny(line, "#\n") || strings.TrimSpace(line) != line {
				t.Errorf("%q is handed on", line)
			}
			_, err := parsePool(line)
			return err
		}); err == nil && lines > strings.Count(string(content), "\n")+1 {
			t.Errorf("%d lines of %q", lines, content)
		}
	})
}
