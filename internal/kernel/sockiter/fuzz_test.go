package sockiter

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// record is a struct socket_record (sockiter.bpf.c).
func record(s *Socket, isV4 bool) *[recordSize]byte {
	var raw [recordSize]byte
	native := binary.NativeEndian
	native.PutUint64(raw[0:], s.Inode)
	native.PutUint64(raw[8:], uint64(s.Owner.Start))
	native.PutUint64(raw[16:], s.Owner.Execs)
	native.PutUint32(raw[24:], uint32(s.Owner.PID))
	native.PutUint32(raw[28:], s.Descriptor)
	native.PutUint32(raw[32:], s.NetNS)
	native.PutUint16(raw[36:], s.Protocol)
	native.PutUint16(raw[38:], s.Local.Port())
	native.PutUint16(raw[40:], s.Remote.Port())
	raw[42], raw[43] = unix.AF_INET6, s.State
	if isV4 {
		raw[42] = unix.AF_INET
	}
	if s.V6Only {
		raw[44] = 1
	}
	copy(raw[48:64], s.Local.Addr().AsSlice())
	copy(raw[64:80], s.Remote.Addr().AsSlice())
	copy(raw[80:], s.Owner.Comm[:])
	return &raw
}

// FuzzRecord: what is decoded of any record is all of it: encoded again and decoded, it is the same.
func FuzzRecord(f *testing.F) {
	seed := Socket{
		Owner: Owner{PID: 812, Start: time.Hour, Execs: 3, Comm: [commSize]byte{'n', 'g', 'i', 'n', 'x'}}, Descriptor: 5, Inode: 77, NetNS: 4026531840,
		Protocol: unix.IPPROTO_TCP, State: Listen, Local: netip.MustParseAddrPort("0.0.0.0:8081"), Remote: netip.MustParseAddrPort("0.0.0.0:0"),
	}
	f.Add(record(&seed, true)[:])
	seed.Local, seed.Remote, seed.V6Only, seed.State = netip.MustParseAddrPort("[::ffff:10.0.0.1]:443"), netip.MustParseAddrPort("[2001:db8::1]:3333"), true, Established
	f.Add(record(&seed, false)[:])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < recordSize {
			t.Skip("the kernel writes whole records")
		}
		raw := [recordSize]byte(data)
		var socket, again Socket
		socket.decode(&raw)
		again.decode(record(&socket, raw[42] == unix.AF_INET))
		if socket != again {
			t.Errorf("%+v, %+v", socket, again)
		}
		if !socket.Local.IsValid() || socket.Owner.PID < 0 || len(socket.Owner.Name()) > commSize {
			t.Errorf("%+v", socket)
		}
	})
}
