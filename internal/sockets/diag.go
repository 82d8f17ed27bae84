package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// See sock_diag(7) and include/uapi/linux/inet_diag.h.
const (
	diagRequestSize = 56 // struct inet_diag_req_v2
	diagMessageSize = 72 // struct inet_diag_msg
	diagInodeOffset = 68
	diagV6Only      = 11 // INET_DIAG_SKV6ONLY

	bitListen = 1 << 10 // TCP_LISTEN
	bitClose  = 1 << 7  // TCP_CLOSE: a UDP socket without a peer
)

// diagnose lists listening sockets by sock_diag(7). Unlike a read of /proc/net/tcp
// its cost does not grow with the number of connections.
func diagnose(found func(model.Socket)) error {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return fmt.Errorf("open sock_diag: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing was written
	if err := conn.SetDeadline(time.Now().Add(netlinkTime)); err != nil {
		return err
	}
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		for _, protocol := range model.Protocols() {
			if err := diagnoseOne(conn, family, protocol, found); err != nil {
				return fmt.Errorf("list listening sockets by sock_diag: %w", err)
			}
		}
	}
	return nil
}

func diagnoseOne(conn *netlink.Conn, family byte, protocol model.Protocol, found func(model.Socket)) error {
	request := make([]byte, diagRequestSize)
	request[0], request[1] = family, unix.IPPROTO_TCP
	states := uint32(bitListen)
	if protocol == model.UDP {
		request[1], states = unix.IPPROTO_UDP, bitClose
	}
	binary.NativeEndian.PutUint32(request[4:], states)
	if _, err := conn.Send(netlink.Message{
		Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request | netlink.Dump},
		Data:   request,
	}); err != nil {
		return err
	}
	count := 0
	for message, err := range conn.ReceiveIter() {
		if err != nil {
			return err
		}
		socket, listens, err := parseDiag(message.Data, protocol)
		if err != nil {
			return err
		}
		if !listens {
			continue
		}
		if count++; count > maxSockets {
			return errMany
		}
		found(socket)
	}
	return nil
}

var errDiag = errors.New("answer of sock_diag is not as in linux/inet_diag.h")

// parseDiag reads a struct inet_diag_msg and the attributes behind it.
func parseDiag(data []byte, protocol model.Protocol) (socket model.Socket, listens bool, err error) {
	if len(data) < diagMessageSize {
		return model.Socket{}, false, errDiag
	}
	if binary.BigEndian.Uint16(data[6:]) != 0 { // the port of its peer
		return model.Socket{}, false, nil
	}
	size := 4
	if data[0] == unix.AF_INET6 {
		size = 16
	}
	address, _ := netip.AddrFromSlice(data[8 : 8+size])
	local := netip.AddrPortFrom(address, binary.BigEndian.Uint16(data[4:]))
	socket = newSocket(protocol, local, uint64(binary.NativeEndian.Uint32(data[diagInodeOffset:])))
	attributes, err := netlink.NewAttributeDecoder(data[diagMessageSize:])
	if err != nil {
		return model.Socket{}, false, errDiag
	}
	for attributes.Next() {
		if attributes.Type() == diagV6Only {
			socket.DualStack = address.Is6() && address.IsUnspecified() && attributes.Uint8() == 0
		}
	}
	if attributes.Err() != nil {
		return model.Socket{}, false, errDiag
	}
	return socket, true, nil
}
