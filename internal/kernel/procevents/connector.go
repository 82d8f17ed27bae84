package procevents

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
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

// Connector is a subscription to the proc connector.
type Connector struct {
	inbox
	conn *netlink.Conn
}

// NewConnector subscribes. The error says what is missing.
func NewConnector() (*Connector, error) {
	conn, err := netlink.Dial(unix.NETLINK_CONNECTOR, &netlink.Config{Groups: cnIdxProc})
	if err != nil {
		return nil, explain(subscribeMsg, err)
	}
	c := &Connector{conn: conn}
	c.raw, err = conn.SyscallConn()
	if err == nil {
		err = c.subscribe()
	}
	if err != nil {
		_ = conn.Close()
		return nil, explain(subscribeMsg, err)
	}
	return c, nil
}

// subscribe sends PROC_CN_MCAST_LISTEN and waits for the kernel's answer, which
// comes among the events. Outside of the first pid namespace there is none.
func (c *Connector) subscribe() error {
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

// Run calls handle for each event, and lost when the kernel has dropped some,
// until the context ends or the socket fails. It closes the subscription.
func (c *Connector) Run(ctx context.Context, handle func(Event), lost func()) error {
	defer func() { _ = c.conn.Close() }()
	err := c.run(ctx, func(data []byte) error {
		event, known, err := parseEvent(data)
		if known {
			handle(event)
		}
		return err
	}, lost)
	if err != nil {
		return fmt.Errorf("receive process events: %w", err)
	}
	return nil
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
