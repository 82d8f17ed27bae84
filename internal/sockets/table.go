package sockets

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// The tables are not read with procfs: one broken line loses its whole table
// there (and a short line of UDP panics), and it keeps every connection: 75 ms
// and 36 MB for 50,000 of them, against 4 ms and one buffer here (BenchmarkTable).

const (
	stateListen = "0A" // TCP_LISTEN, include/net/tcp_states.h
	stateClose  = "07" // TCP_CLOSE: what a UDP socket without a peer is in

	lineLimit  = 8 << 10 // bytes of one line; the kernel's have 150 to 180, and it gives a page at once
	maxSockets = 1 << 17 // of one table; more is an attack on our memory
)

var (
	errLine  = errors.New("line is not as in Linux' net/ipv4/tcp_ipv4.c")
	errEmpty = errors.New("table has no header or no line that can be read")
	errMany  = fmt.Errorf("%w: the table has more than %d listening sockets", hostfs.ErrLimit, maxSockets)
)

// table is one of /proc/PID/net/{tcp,tcp6,udp,udp6}, see proc_pid_net(5).
type table struct {
	file     string
	protocol model.Protocol
	optional bool // not there while IPv6 is off
}

func tables() []table {
	return []table{{"tcp", model.TCP, false}, {"tcp6", model.TCP, true}, {"udp", model.UDP, false}, {"udp6", model.UDP, true}}
}

// readTable calls found for each listening socket of a file and bad for each
// line that cannot be parsed, and goes on.
func readTable(name string, protocol model.Protocol, end time.Time, found func(model.Socket), bad func(error)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return parseTable(timedReader{file, end}, protocol, found, bad)
}

// parseTable is readTable for what was opened. Memory is bounded whatever comes.
func parseTable(content io.Reader, protocol model.Protocol, found func(model.Socket), bad func(error)) error {
	reader := bufio.NewReaderSize(content, lineLimit)
	header, good, broken, sockets := false, 0, 0, 0
	for {
		line, err := reader.ReadSlice('\n')
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = reader.ReadSlice('\n') // the rest of it
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		switch socket, listens, lineErr := parseLine(line, protocol); {
		case len(line) == 0:
		case !header:
			header = true
		case tooLong || lineErr != nil:
			broken++
			bad(errLine)
		default:
			good++
			if !listens {
				break
			}
			if sockets++; sockets > maxSockets {
				return errMany
			}
			found(socket)
		}
		if err != nil { // the end
			if !header || good == 0 && broken > 0 {
				return errEmpty
			}
			return nil
		}
	}
}

// parseLine reads `sl local:port remote:port state queues timer retransmits uid
// timeout inode ...`. It looks at what it needs, and at no more of a connection
// than its state.
func parseLine(line []byte, protocol model.Protocol) (socket model.Socket, listens bool, err error) {
	_, line = cutField(line)
	local, line := cutField(line)
	remote, line := cutField(line)
	state, line := cutField(line)
	if len(state) != 2 || !isHex(state[0]) || !isHex(state[1]) {
		return model.Socket{}, false, errLine
	}
	want := stateListen
	if protocol == model.UDP {
		want = stateClose
	}
	if string(state) != want {
		return model.Socket{}, false, nil
	}
	for range 5 {
		_, line = cutField(line)
	}
	inode, ok := decimal(first(cutField(line)))
	if !ok {
		return model.Socket{}, false, errLine
	}
	address, port, err := parseAddress(local)
	if err != nil {
		return model.Socket{}, false, err
	}
	_, remotePort, err := parseAddress(remote)
	if err != nil || remotePort != 0 {
		return model.Socket{}, false, err
	}
	return newSocket(protocol, address, port, inode), true, nil
}

// parseAddress reads `0100007F:1F90`. The kernel prints an address as words of
// 32 bits in the byte order of the machine, and the port as a number.
func parseAddress(field []byte) (netip.Addr, uint16, error) {
	digits, portDigits, ok := bytes.Cut(field, []byte{':'})
	if !ok || len(digits) != 8 && len(digits) != 32 || len(portDigits) != 4 {
		return netip.Addr{}, 0, errLine
	}
	var raw [16]byte
	var port [2]byte
	size, err := hex.Decode(raw[:], digits)
	if err != nil {
		return netip.Addr{}, 0, errLine
	}
	if _, err := hex.Decode(port[:], portDigits); err != nil {
		return netip.Addr{}, 0, errLine
	}
	toNetworkOrder(raw[:size])
	address, _ := netip.AddrFromSlice(raw[:size])
	return address, uint16(port[0])<<8 | uint16(port[1]), nil
}

// toNetworkOrder turns words of 32 bits in this machine's byte order around.
func toNetworkOrder(address []byte) {
	for ; len(address) >= 4; address = address[4:] {
		binary.NativeEndian.PutUint32(address, binary.BigEndian.Uint32(address))
	}
}

// cutField returns the first field and what is behind it.
func cutField(line []byte) (field, rest []byte) {
	start := 0
	for start < len(line) && isSpace(line[start]) {
		start++
	}
	end := start
	for end < len(line) && !isSpace(line[end]) {
		end++
	}
	return line[start:end], line[end:]
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

func first(field, _ []byte) []byte { return field }

// decimal reads a number of at most 19 digits, which always fits.
func decimal(digits []byte) (value uint64, ok bool) {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		value = value*10 + uint64(c-'0')
	}
	return value, len(digits) > 0 && len(digits) <= 19
}
