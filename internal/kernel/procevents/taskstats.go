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
	counter
	conn   *genetlink.Conn
	family genetlink.Family
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
	if err != nil {
		_ = conn.Close()
		return nil, explain(registerMsg, err)
	}
	return &Taskstats{conn: conn, family: family}, nil
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

// Drained reports whether nothing waits to be read. What was read last may still
// be on its way to the handler.
func (t *Taskstats) Drained() bool { return !waiting(t.conn) }

// Run calls handle for each account, and lost when the kernel has dropped some,
// until the context ends or the socket fails. It ends the registration.
func (t *Taskstats) Run(ctx context.Context, handle func(Account), lost func()) error {
	stop := context.AfterFunc(ctx, func() { _ = t.conn.Close() })
	defer stop()
	defer func() { _ = t.conn.Close() }()
	for {
		messages, _, err := t.conn.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			t.lost.Add(1)
			lost()
			continue
		case err != nil:
			return fmt.Errorf("receive exit accounts: %w", err)
		}
		for _, message := range messages {
			account, err := parseAccount(message.Data)
			if err != nil {
				t.lost.Add(1)
				continue
			}
			handle(account)
		}
	}
}

// parseAccount reads the attributes of one message: the account of the thread,
// and, for the last of several, an empty one of the whole process, which only
// says that it was the last.
func parseAccount(data []byte) (Account, error) {
	attributes, err := netlink.UnmarshalAttributes(data)
	if err != nil {
		return Account{}, err
	}
	var account Account
	found, process := false, 0
	for _, attribute := range attributes {
		switch attribute.Type &^ unix.NLA_F_NESTED {
		case unix.TASKSTATS_TYPE_AGGR_PID:
			if account, err = parseAggregate(attribute.Data); err != nil {
				return Account{}, err
			}
			found = true
		case unix.TASKSTATS_TYPE_AGGR_TGID:
			nested, err := netlink.UnmarshalAttributes(attribute.Data)
			if err != nil || len(nested) == 0 || len(nested[0].Data) < 4 {
				return Account{}, errFormat
			}
			process = int(binary.NativeEndian.Uint32(nested[0].Data))
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
	nested, err := netlink.UnmarshalAttributes(data)
	if err != nil {
		return Account{}, err
	}
	for _, attribute := range nested {
		if attribute.Type == unix.TASKSTATS_TYPE_STATS {
			return parseStats(attribute.Data)
		}
	}
	return Account{}, errFormat
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
	attributes, err := netlink.UnmarshalAttributes(data)
	if err != nil {
		return Account{}, err
	}
	for _, attribute := range attributes {
		if attribute.Type&^unix.NLA_F_NESTED == aggregate {
			return parseAggregate(attribute.Data)
		}
	}
	return Account{}, errFormat
}
