package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// diagMessage is what sock_diag says of a socket (struct inet_diag_msg).
func diagMessage(local netip.AddrPort, remotePort uint16, inode uint32) []byte {
	message := make([]byte, diagMessageSize)
	message[0] = unix.AF_INET
	if local.Addr().Is6() {
		message[0] = unix.AF_INET6
	}
	binary.BigEndian.PutUint16(message[4:], local.Port())
	binary.BigEndian.PutUint16(message[6:], remotePort)
	copy(message[8:], local.Addr().AsSlice())
	binary.NativeEndian.PutUint32(message[diagInodeOffset:], inode)
	return message
}

// tableAddress writes an address as the tables do: words of 32 bits in the byte order of the machine.
func tableAddress(address netip.Addr) string {
	var digits strings.Builder
	for raw := address.AsSlice(); len(raw) > 0; raw = raw[4:] {
		fmt.Fprintf(&digits, "%08X", binary.NativeEndian.Uint32(raw))
	}
	return digits.String()
}

// FuzzParseDiag: no bytes of sock_diag break it, and of one socket it says the same as the tables of /proc do.
func FuzzParseDiag(f *testing.F) {
	attribute, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: diagV6Only, Data: []byte{0}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{127, 0, 0, 1}, uint16(8081), uint16(0), uint32(7), true, append(diagMessage(netip.MustParseAddrPort("[::]:22"), 0, 9), attribute...))
	f.Add([]byte{10: 0xff, 11: 0xff, 12: 10, 15: 1}, uint16(53), uint16(9), uint32(1<<31), false, []byte{unix.AF_INET6})
	f.Add([]byte{0xfe, 0x80, 15: 1}, uint16(65535), uint16(0), uint32(0), true, append(diagMessage(netip.MustParseAddrPort("0.0.0.0:1"), 0, 9), 0xff, 0xff, 1, 0))
	f.Fuzz(func(t *testing.T, raw []byte, port, remotePort uint16, inode uint32, isTCP bool, garbage []byte) {
		protocol, state := model.UDP, 0x07
		if isTCP {
			protocol, state = model.TCP, 0x0a
		}
		if socket, listens, err := parseDiag(garbage, protocol); err != nil && (listens || !errors.Is(err, errDiag)) || listens && (socket.Address == "" || socket.Scope == "") {
			t.Errorf("%q: %+v, %v, %v", garbage, socket, listens, err)
		}

		address, ok := netip.AddrFromSlice(raw)
		if !ok {
			t.Skip("no address")
		}
		told, listens, err := parseDiag(diagMessage(netip.AddrPortFrom(address, port), remotePort, inode), protocol)
		if err != nil {
			t.Fatal(err)
		}
		var read []model.Socket
		table := header + line(tableAddress(address), port, remotePort, state, int(inode))
		if _, err := eachRow(strings.NewReader(table), listeners(protocol, func(s model.Socket) error { read = append(read, s); return nil })); err != nil {
			t.Fatal(err)
		}
		if listens != (len(read) == 1) {
			t.Fatalf("sock_diag says %v, %q says %v", listens, table, read)
		}
		if listens {
			if diff := cmp.Diff(read[0], told); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// FuzzStatOfOwner: whatever a process calls itself, its start is read behind its name.
func FuzzStatOfOwner(f *testing.F) {
	f.Add("a) b (c", uint64(321))
	f.Add("\n(\xff", uint64(1)<<63)
	f.Add("7 (x) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0", uint64(0))
	f.Fuzz(func(t *testing.T, name string, start uint64) {
		start %= 1e19 // 19 digits are read: 3 billion years
		content := fmt.Appendf(nil, "7 (%s) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 0\n", name, start)
		comm, got, err := parseStat(content)
		if err != nil || comm != name || got != start {
			t.Errorf("%q: %q, %d, %v", content, comm, got, err)
		}
	})
}

// FuzzSockstat: the tables of TCP that are passed over are those of which the count says 0.
func FuzzSockstat(f *testing.F) {
	f.Add([]byte("sockets: used 12\nTCP: inuse 0 orphan 0 tw 0 alloc 12 mem 3\nUDP: inuse 1 mem 1\n"))
	f.Add([]byte("TCP6: inuse 1\nTCP: inuse"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, label := range []string{"TCP:", "TCP6:"} {
			if got := inUse(content, label); got == "0" && !strings.Contains(string(content), label) {
				t.Errorf("%s of %q", label, content)
			}
		}
	})
}

// FuzzSocketName: a descriptor of a socket links to what it is; anything may be called alike.
func FuzzSocketName(f *testing.F) {
	f.Add("socket:[12345]")
	f.Add("/tmp/socket:[1]")
	f.Add("socket:[-1]")
	f.Fuzz(func(t *testing.T, name string) {
		if inode, ok := parseSocketName(name); ok && parseBack(socketName(inode)) != inode {
			t.Errorf("%q: %d", name, inode)
		}
	})
}

func parseBack(name string) uint64 {
	inode, _ := parseSocketName(name)
	return inode
}
