package procevents

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Constants and layouts of include/uapi/linux/connector.h and cn_proc.h, which
// golang.org/x/sys does not have.
const (
	cnIdxProc = 1 // CN_IDX_PROC, also the multicast group
	cnValProc = 1 // CN_VAL_PROC

	mcastListen = 1 // PROC_CN_MCAST_LISTEN

	eventNone = 0x00000000 // PROC_EVENT_NONE: the answer to a request
	eventFork = 0x00000001
	eventExec = 0x00000002
	eventUID  = 0x00000004
	eventExit = 0x80000000

	cnMsgBytes   = 20 // struct cn_msg
	headerBytes  = 16 // struct proc_event up to event_data
	answerTime   = 2 * time.Second
	subscribeMsg = "subscribe to process events (proc connector)"
)

var (
	errShort   = errors.New("message is shorter than the kernel's structure")
	errForeign = errors.New("message is not of the proc connector")
)

// Connector is a subscription to the proc connector. It has two sockets. Only an exec has to be read at once, as the
// program may be gone within a millisecond: a short process wakes its reader up once, and not with its fork and exit.
type Connector struct {
	reader
	execs, others *channel
	events        []Event // of the round
	early         []Event // execs that a round has read too early
}

// channel is a socket for some kinds of events.
type channel struct {
	conn *netlink.Conn
	fd   int
	*inbox
}

// NewConnector subscribes. The error says what is missing.
func NewConnector() (*Connector, error) {
	c := &Connector{}
	var err error
	if c.execs, err = newChannel(eventExec); err == nil {
		if c.others, err = newChannel(eventFork, eventUID, eventExit); err == nil {
			err = c.open()
		}
	}
	if err != nil {
		c.close()
		return nil, explain(subscribeMsg, err)
	}
	c.urgent, c.patient = []int{c.execs.fd}, []int{c.others.fd}
	return c, nil
}

func (c *Connector) close() {
	for _, channel := range []*channel{c.execs, c.others} {
		if channel != nil {
			_ = channel.conn.Close()
		}
	}
}

func newChannel(kinds ...uint32) (*channel, error) {
	conn, err := netlink.Dial(unix.NETLINK_CONNECTOR, &netlink.Config{Groups: cnIdxProc})
	if err != nil {
		return nil, err
	}
	c := &channel{conn: conn, inbox: newInbox()}
	if c.fd, err = descriptor(conn); err == nil {
		if err = filter(c.fd, kinds); err == nil {
			err = c.subscribe()
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// subscribe sends PROC_CN_MCAST_LISTEN and waits for the kernel's answer, which
// comes among the events. Outside of the first pid namespace there is none.
func (c *channel) subscribe() error {
	_ = c.conn.SetReadBuffer(receiveBuffer) // without it there is less room, no less truth
	request := make([]byte, cnMsgBytes+4)
	binary.NativeEndian.PutUint32(request[0:], cnIdxProc)
	binary.NativeEndian.PutUint32(request[4:], cnValProc)
	binary.NativeEndian.PutUint16(request[16:], 4)
	binary.NativeEndian.PutUint32(request[cnMsgBytes:], mcastListen)
	if _, err := c.conn.Send(netlink.Message{Header: netlink.Header{Type: netlink.Done}, Data: request}); err != nil {
		return err
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	for {
		messages, err := c.conn.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			continue
		}
		if err != nil {
			return err
		}
		for _, message := range messages {
			if code, ok := answer(message.Data); ok {
				if code != 0 {
					return unix.Errno(code)
				}
				return c.conn.SetReadDeadline(time.Time{})
			}
		}
	}
}

// answer reads the acknowledgement of a request: an error number or 0.
func answer(data []byte) (code uint32, ok bool) {
	if len(data) < cnMsgBytes+headerBytes+4 || binary.NativeEndian.Uint32(data[cnMsgBytes:]) != eventNone {
		return 0, false
	}
	return binary.NativeEndian.Uint32(data[cnMsgBytes+headerBytes:]), true
}

// filter has the kernel drop all events but those of some kinds, and answers.
func filter(fd int, kinds []uint32) error {
	const whatAt = unix.NLMSG_HDRLEN + cnMsgBytes
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: whatAt}}
	wanted := append([]uint32{eventNone}, kinds...)
	for n, kind := range wanted {
		var bytes [4]byte // a filter loads them in the order of the network
		binary.NativeEndian.PutUint32(bytes[:], kind)
		program = append(program, unix.SockFilter{
			Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: binary.BigEndian.Uint32(bytes[:]), Jt: uint8(len(wanted) - n),
		})
	}
	program = append(program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1})
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	if err != nil {
		return fmt.Errorf("attach a filter: %w", err)
	}
	return nil
}

// Run calls handle for each event, and lost when the kernel has dropped some,
// until the context ends or the socket fails. It closes the subscription.
func (c *Connector) Run(ctx context.Context, handle func(Event), lost func()) error {
	defer c.close()
	take := func(data []byte) error {
		event, known, err := parseEvent(data)
		if known {
			c.events = append(c.events, event)
		}
		return err
	}
	receive := func(from *channel) (end int, err error) {
		dropped, failed, err := from.receive(from.fd, take)
		c.count(dropped, failed, lost)
		return len(c.events), err
	}
	err := c.run(ctx, func() (execs bool, err error) {
		for {
			c.events = append(c.events[:0], c.early...)
			first, err := receive(c.execs)
			if err != nil {
				return false, err
			}
			others, err := receive(c.others)
			if err != nil {
				return false, err
			}
			// What has ended by now may have run a program since.
			if _, err := receive(c.execs); err != nil {
				return false, err
			}
			c.setInOrder(first, others)
			for _, event := range c.events {
				execs = execs || event.Kind == Exec
				handle(event)
			}
			if len(c.early) == 0 {
				return execs, nil // the ends of what began will follow
			}
		}
	})
	if err != nil {
		return fmt.Errorf("receive process events: %w", err)
	}
	return nil
}

// setInOrder sorts what came through two sockets by its time: first execs, then, up to others, the other events, then
// execs again. Of these it keeps for the next time those that are younger than all other events: what forked the
// process may have come after these were read.
func (c *Connector) setInOrder(first, others int) {
	var newest time.Duration
	for _, event := range c.events[first:others] {
		newest = max(newest, event.Time)
	}
	c.early = c.early[:0]
	kept := c.events[:others]
	for _, event := range c.events[others:] {
		if event.Time > newest {
			c.early = append(c.early, event)
		} else {
			kept = append(kept, event)
		}
	}
	c.events = kept
	slices.SortStableFunc(c.events, func(a, b Event) int { return cmp.Compare(a.Time, b.Time) })
}

// parseEvent reads struct cn_msg and struct proc_event. known is false for
// events that nobody asks for.
func parseEvent(data []byte) (event Event, known bool, err error) {
	if len(data) < cnMsgBytes+headerBytes {
		return Event{}, false, errShort
	}
	word := binary.NativeEndian.Uint32
	if word(data) != cnIdxProc || word(data[4:]) != cnValProc {
		return Event{}, false, errForeign
	}
	body := data[cnMsgBytes:]
	event.Time = time.Duration(binary.NativeEndian.Uint64(body[8:]))
	what, fields := word(body), body[headerBytes:]
	field := func(i int) int { return int(int32(word(fields[4*i:]))) }
	enough := func(words int) bool { return len(fields) >= 4*words }
	switch what {
	case eventFork:
		if !enough(4) {
			return Event{}, false, errShort
		}
		event.Kind, event.ParentTGID, event.PID, event.TGID = Fork, field(1), field(2), field(3)
	case eventExec:
		if !enough(2) {
			return Event{}, false, errShort
		}
		event.Kind, event.PID, event.TGID = Exec, field(0), field(1)
	case eventUID:
		if !enough(4) {
			return Event{}, false, errShort
		}
		event.Kind, event.PID, event.TGID, event.UID = UID, field(0), field(1), word(fields[12:])
	case eventExit:
		if !enough(4) {
			return Event{}, false, errShort
		}
		event.Kind, event.PID, event.TGID, event.ExitCode = Exit, field(0), field(1), word(fields[8:])
		if enough(6) { // Linux 4.18
			event.ParentTGID = field(5)
		}
	default:
		return Event{}, false, nil
	}
	return event, true, nil
}
