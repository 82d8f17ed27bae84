package netns

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	addressBytes = 4 << 20 // of one file; a router's fib_trie may have a hundred times that
	maxAddresses = 256     // of one namespace
)

var (
	errLong = fmt.Errorf("%w: only the first %d bytes of a file, and %d addresses",
		hostfs.ErrLimit, addressBytes, maxAddresses)
	errLine = errors.New("a line is not as in Linux' net/ipv6/addrconf.c")
)

// readAddresses returns the addresses of a namespace beyond loopback, those that
// others can reach first. directory is /proc/PID/net. With an error there may be
// more of them.
func readAddresses(directory string) ([]netip.Addr, error) {
	seen := map[netip.Addr]bool{}
	add := func(address netip.Addr) error {
		if address.IsLoopback() || address.IsUnspecified() || seen[address] {
			return nil
		}
		if len(seen) == maxAddresses {
			return errLong
		}
		seen[address] = true
		return nil
	}
	err := eachLine(filepath.Join(directory, "fib_trie"), trieReader(add))
	err6 := eachLine(filepath.Join(directory, "if_inet6"), func(line []byte) error {
		if address, ok := parseInet6(line); ok {
			return add(address)
		}
		return errLine
	})
	if errors.Is(err6, fs.ErrNotExist) {
		err6 = nil // IPv6 is off, or the process has ended, which fib_trie says too
	}
	addresses := make([]netip.Addr, 0, len(seen))
	for address := range seen {
		addresses = append(addresses, address)
	}
	slices.SortFunc(addresses, func(a, b netip.Addr) int {
		switch {
		case a.IsLinkLocalUnicast() == b.IsLinkLocalUnicast():
			return a.Compare(b)
		case b.IsLinkLocalUnicast():
			return -1
		default:
			return 1
		}
	})
	return addresses, errors.Join(err, err6)
}

// trieReader reads the local addresses out of /proc/PID/net/fib_trie: an address,
// `|-- 10.0.0.5`, and below it what it is, `/32 host LOCAL`. See net/ipv4/fib_trie.c.
func trieReader(add func(netip.Addr) error) func(line []byte) error {
	var leaf netip.Addr
	return func(line []byte) error {
		line = bytes.TrimSpace(line)
		if text, ok := bytes.CutPrefix(line, []byte("|-- ")); ok {
			leaf, _ = netip.ParseAddr(string(text[:min(len(text), 16)]))
			return nil
		}
		if bytes.Equal(line, []byte("/32 host LOCAL")) && leaf.Is4() {
			return add(leaf)
		}
		return nil
	}
}

// parseInet6 reads a line of /proc/PID/net/if_inet6: `fe80...01 02 40 20 80 eth0`.
func parseInet6(line []byte) (netip.Addr, bool) {
	digits, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	var raw [16]byte
	if len(digits) != 32 {
		return netip.Addr{}, false
	}
	if _, err := hex.Decode(raw[:], digits); err != nil {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16(raw), true
}

// eachLine calls do for each line of the first addressBytes of a file, until it
// fails.
func eachLine(name string, do func(line []byte) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	limited := &io.LimitedReader{R: file, N: addressBytes + 1}
	lines := bufio.NewScanner(limited)
	for lines.Scan() {
		if err := do(lines.Bytes()); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	err = lines.Err()
	if err == nil && limited.N == 0 {
		err = errLong
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}
