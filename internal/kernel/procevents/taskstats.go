package procevents

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	registerMsg = "register for exit accounts (taskstats)"
	askMsg      = "ask for the account of a process (taskstats)"

	genericHeader = 4 // bytes of struct genlmsghdr

	agroup       = 0x20 // AGROUP in ac_flag, include/uapi/linux/acct.h: no thread is left
	oldestFormat = 8    // version of struct taskstats in Linux 3.10
	tgidFormat   = 12   // the first with ac_tgid, AGROUP and the program's file
	fixedFormat  = 16   // undid what version 15 had moved

	// The sizes of struct taskstats in the kernels around version 15, in which
	// each pair of count and delay before ac_comm had grown by one or two fields.
	sizeWithMax    = 496
	sizeWithMaxMin = 560
)

// errFormat is for an answer that is no struct taskstats.
var errFormat = errors.New("answer is not in a format of taskstats that is known")

// Taskstats is a registration for the accounts of threads that exit.
type Taskstats struct {
	reader
	conn *genetlink.Conn
	fd   int
}

// NewTaskstats registers for the exits on all possible CPUs, which are read
// below sys (/sys). The error says what is missing.
func NewTaskstats(sys string) (*Taskstats, error) {
	cpus, err := os.ReadFile(filepath.Join(sys, "devices/system/cpu/possible"))
	if err != nil {
		return nil, explain(registerMsg, err)
	}
	conn, family, err := dialTaskstats()
	if err != nil {
		return nil, explain(registerMsg, err)
	}
	_ = conn.SetReadBuffer(receiveBuffer) // without it there is less room, no less truth
	mask, err := netlink.MarshalAttributes([]netlink.Attribute{{
		Type: unix.TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, Data: append(bytes.TrimSpace(cpus), 0),
	}})
	if err == nil {
		_, err = conn.Execute(genetlink.Message{
			Header: genetlink.Header{Command: unix.TASKSTATS_CMD_GET, Version: unix.TASKSTATS_GENL_VERSION}, Data: mask,
		}, family.ID, netlink.Request|netlink.Acknowledge)
	}
	t := &Taskstats{conn: conn}
	if err == nil {
		t.fd, err = descriptor(conn)
	}
	if err == nil {
		err = t.open()
	}
	if err != nil {
		_ = conn.Close()
		return nil, explain(registerMsg, err)
	}
	t.patient = []int{t.fd}
	return t, nil
}

func dialTaskstats() (*genetlink.Conn, genetlink.Family, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return nil, genetlink.Family{}, err
	}
	family, err := conn.GetFamily(unix.TASKSTATS_GENL_NAME)
	if err != nil {
		_ = conn.Close()
		return nil, genetlink.Family{}, err
	}
	return conn, family, nil
}

// Run calls handle for each account, and lost when the kernel has dropped some,
// until the context ends or the socket fails. It ends the registration.
func (t *Taskstats) Run(ctx context.Context, handle func(Account), lost func()) error {
	defer func() { _ = t.conn.Close() }()
	accounts := newInbox()
	take := func(data []byte) error {
		if len(data) < genericHeader {
			return errFormat
		}
		account, err := parseAccount(data[genericHeader:])
		if err == nil {
			handle(account)
		}
		return err
	}
	err := t.run(ctx, func() (bool, error) {
		dropped, failed, err := accounts.receive(t.fd, take)
		t.count(dropped, failed, lost)
		return false, err
	})
	if err != nil {
		return fmt.Errorf("receive exit accounts: %w", err)
	}
	return nil
}

// parseAccount reads the attributes of one message: the account of the thread,
// and, for the last of several, an empty one of the whole process, which only
// says that it was the last.
func parseAccount(data []byte) (Account, error) {
	var account Account
	found, process := false, 0
	for len(data) > 0 {
		kind, value, rest, err := attribute(data)
		if err != nil {
			return Account{}, err
		}
		data = rest
		switch kind {
		case unix.TASKSTATS_TYPE_AGGR_PID:
			if account, err = parseAggregate(value); err != nil {
				return Account{}, err
			}
			found = true
		case unix.TASKSTATS_TYPE_AGGR_TGID:
			_, id, _, err := attribute(value)
			if err != nil || len(id) < 4 {
				return Account{}, errFormat
			}
			process = int(binary.NativeEndian.Uint32(id))
		}
	}
	if !found {
		return Account{}, errFormat
	}
	if process != 0 {
		account.TGID, account.Last = process, true
	}
	return account, nil
}

func parseAggregate(data []byte) (Account, error) {
	for len(data) > 0 {
		kind, value, rest, err := attribute(data)
		if err != nil {
			return Account{}, err
		}
		if kind == unix.TASKSTATS_TYPE_STATS {
			return parseStats(value)
		}
		data = rest
	}
	return Account{}, errFormat
}

// attribute cuts the first attribute (struct nlattr) off.
func attribute(data []byte) (kind uint16, value, rest []byte, err error) {
	if len(data) < unix.NLA_HDRLEN {
		return 0, nil, nil, errFormat
	}
	length := int(binary.NativeEndian.Uint16(data))
	if length < unix.NLA_HDRLEN || length > len(data) {
		return 0, nil, nil, errFormat
	}
	kind = binary.NativeEndian.Uint16(data[2:]) &^ unix.NLA_F_NESTED
	return kind, data[unix.NLA_HDRLEN:length], data[min(aligned(length), len(data)):], nil
}

// parseStats reads struct taskstats of versions 8 and later
// (include/uapi/linux/taskstats.h). Fields are only ever added at its end, but
// for version 15 and the kernels just before it, which are recognised by their size.
func parseStats(data []byte) (Account, error) {
	if len(data) < 4 {
		return Account{}, errFormat
	}
	version := binary.NativeEndian.Uint16(data)
	grown := 0 // bytes that each pair of delays has more
	if version < fixedFormat {
		switch len(data) {
		case sizeWithMax:
			grown = 8
		case sizeWithMaxMin:
			grown = 16
		}
	}
	early := 3 * grown         // cpu, blkio, swapin
	late := early + 3*grown    // freepages, thrashing, compact
	need := 168 + early        // up to ac_stime
	if version >= tgidFormat { // up to ac_exe_inode
		need = 400 + late
	}
	if version < oldestFormat || len(data) < need {
		return Account{}, errFormat
	}
	word := func(at int) uint32 { return binary.NativeEndian.Uint32(data[at:]) }
	long := func(at int) uint64 { return binary.NativeEndian.Uint64(data[at:]) }
	micros := func(at int) time.Duration { return time.Duration(min(long(at), 1<<52)) * time.Microsecond }
	comm, _, _ := strings.Cut(string(data[80+early:112+early]), "\x00")
	account := Account{
		ExitCode: word(4), Comm: comm, UID: word(120 + early), PID: int(word(128 + early)), PPID: int(word(132 + early)),
		Elapsed: micros(144 + early), CPU: micros(152+early) + micros(160+early),
	}
	// cpu_run_virtual_total is se.sum_exec_runtime, in ns, also while delay accounting is off (__delayacct_add_tsk in
	// kernel/delayacct.c).
	if run := long(72 + early); run != 0 {
		account.CPU = time.Duration(min(run, 1<<62))
	}
	if version >= tgidFormat {
		account.Last = data[8]&agroup != 0
		account.TGID = int(word(368 + late))
	}
	return account, nil
}

// Ask returns what the living threads of a process have used so far, also when
// it is hidden in /proc. It needs no registration. The error is ESRCH when there
// is no such process.
func Ask(tgid int) (Account, error) {
	conn, family, err := dialTaskstats()
	if err != nil {
		return Account{}, explain(askMsg, err)
	}
	defer func() { _ = conn.Close() }()
	ask := func(attribute, aggregate uint16) (Account, error) {
		id := make([]byte, 4)
		binary.NativeEndian.PutUint32(id, uint32(tgid))
		attributes, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: attribute, Data: id}})
		if err != nil {
			return Account{}, err
		}
		answers, err := conn.Execute(genetlink.Message{
			Header: genetlink.Header{Command: unix.TASKSTATS_CMD_GET, Version: unix.TASKSTATS_GENL_VERSION}, Data: attributes,
		}, family.ID, netlink.Request)
		if err != nil {
			return Account{}, err
		}
		if len(answers) == 0 {
			return Account{}, errFormat
		}
		return parseAnswer(answers[0].Data, aggregate)
	}
	account, err := ask(unix.TASKSTATS_CMD_ATTR_PID, unix.TASKSTATS_TYPE_AGGR_PID)
	if err != nil {
		return Account{}, explain(askMsg, err)
	}
	threads, err := ask(unix.TASKSTATS_CMD_ATTR_TGID, unix.TASKSTATS_TYPE_AGGR_TGID)
	if err != nil {
		return Account{}, explain(askMsg, err)
	}
	// Older kernels do not add up the time of the threads.
	account.CPU = max(account.CPU, threads.CPU)
	account.TGID = tgid
	return account, nil
}

// parseAnswer reads the account that was asked for.
func parseAnswer(data []byte, aggregate uint16) (Account, error) {
	for len(data) > 0 {
		kind, value, rest, err := attribute(data)
		if err != nil {
			return Account{}, err
		}
		if kind == aggregate {
			return parseAggregate(value)
		}
		data = rest
	}
	return Account{}, errFormat
}
