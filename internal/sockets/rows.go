package sockets

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

// The tables are not read with procfs: one broken line loses its whole table
// there (and a short line of UDP panics), and it keeps every connection: 75 ms
// and 36 MB for 50,000 of them, against 4 ms and one buffer here (BenchmarkTable).

// lineLimit is in bytes; the kernel's lines have 150 to 180, and it gives a page at once.
const lineLimit = 8 << 10

// The states of include/net/tcp_states.h, as the tables show them.
const (
	stateEstablished = "01"
	stateFinWait1    = "04"
	stateFinWait2    = "05"
	stateTimeWait    = "06"
	stateClose       = "07" // what a UDP socket without a peer is in
	stateCloseWait   = "08"
	stateListen      = "0A"
)

var (
	errLine  = errors.New("line is not as in Linux' net/ipv4/tcp_ipv4.c")
	errEmpty = errors.New("table has no header or no line that can be read")
)

// row is one socket in a table of /proc/PID/net/{tcp,tcp6,udp,udp6}, see
// proc_pid_net(5): `sl local:port remote:port state queues timer retransmits uid timeout
// inode ...`. Its fields are as they are written, valid until the next row is read.
type row struct {
	local, remote, state []byte
	rest                 []byte // behind the state
}

// eachRow calls visit for each line of a table below its header. A line that is too long,
// has no state or that visit answers errLine to is counted as broken, and passed over;
// any other error of visit ends the reading and is returned. Memory is bounded whatever
// comes.
func eachRow(content io.Reader, visit func(row) error) (broken int, err error) {
	reader := bufio.NewReaderSize(content, lineLimit)
	header, good := false, 0
	for {
		line, readErr := reader.ReadSlice('\n')
		tooLong := errors.Is(readErr, bufio.ErrBufferFull)
		for errors.Is(readErr, bufio.ErrBufferFull) {
			_, readErr = reader.ReadSlice('\n') // the rest of it
		}
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return broken, readErr
		}
		switch {
		case len(line) == 0:
		case !header:
			header = true
		case tooLong:
			broken++
		default:
			switch err := visitLine(line, visit); {
			case err == nil:
				good++
			case errors.Is(err, errLine):
				broken++
			default:
				return broken, err
			}
		}
		if readErr == nil {
			continue
		}
		if onlyBroken := broken > 0 && good == 0; !header || onlyBroken {
			return broken, errEmpty
		}
		return broken, nil
	}
}

func visitLine(line []byte, visit func(row) error) error {
	var r row
	_, line = cutField(line)
	r.local, line = cutField(line)
	r.remote, line = cutField(line)
	r.state, r.rest = cutField(line)
	if len(r.state) != 2 || !isHex(r.state[0]) || !isHex(r.state[1]) {
		return errLine
	}
	return visit(r)
}

// eachRowOf is eachRow for a file, which is left with ErrTimeout after the end. A zero
// end is none.
func eachRowOf(name string, end time.Time, visit func(row) error) (broken int, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return eachRow(timedReader{file, end}, visit)
}

type timedReader struct {
	file *os.File
	end  time.Time
}

func (r timedReader) Read(p []byte) (int, error) {
	if !r.end.IsZero() && time.Now().After(r.end) {
		return 0, hostfs.ErrTimeout
	}
	return r.file.Read(p)
}

// inode is 0 for a connection that no process holds any more.
func (r row) inode() (uint64, error) {
	field, rest := cutField(r.rest)
	for range 5 {
		field, rest = cutField(rest)
	}
	return decimal(field)
}

// parseAddress reads `0100007F:1F90`. The kernel prints an address as words of
// 32 bits in the byte order of the machine, and the port as a number.
func parseAddress(field []byte) (netip.AddrPort, error) {
	digits, portDigits, ok := bytes.Cut(field, []byte{':'})
	isWhole := len(digits) == 8 || len(digits) == 32
	if !ok || !isWhole || len(portDigits) != 4 {
		return netip.AddrPort{}, errLine
	}
	var raw [16]byte
	var port [2]byte
	size, err := hex.Decode(raw[:], digits)
	_, portErr := hex.Decode(port[:], portDigits)
	if err != nil || portErr != nil {
		return netip.AddrPort{}, errLine
	}
	for word := raw[:size]; len(word) > 0; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	address, _ := netip.AddrFromSlice(raw[:size])
	return netip.AddrPortFrom(address.Unmap(), binary.BigEndian.Uint16(port[:])), nil
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

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || (c >= 'A' && c <= 'F') }

// decimal reads a number of at most 19 digits, which always fits.
func decimal(digits []byte) (value uint64, err error) {
	if len(digits) == 0 || len(digits) > 19 {
		return 0, errLine
	}
	for _, c := range digits {
		if !isDigit(c) {
			return 0, errLine
		}
		value = value*10 + uint64(c-'0')
	}
	return value, nil
}
