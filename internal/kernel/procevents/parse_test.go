package procevents

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// message is a struct cn_msg with a struct proc_event of 32-bit words.
func message(what uint32, words ...uint32) []byte {
	data := make([]byte, cnMsgBytes+headerBytes+4*len(words))
	order := binary.NativeEndian
	order.PutUint32(data, cnIdxProc)
	order.PutUint32(data[4:], cnValProc)
	order.PutUint32(data[cnMsgBytes:], what)
	order.PutUint64(data[cnMsgBytes+8:], 5)
	for i, word := range words {
		order.PutUint32(data[cnMsgBytes+headerBytes+4*i:], word)
	}
	return data
}

func TestParseEvent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		data  []byte
		want  Event
		known bool
		err   error
	}{
		"fork":             {message(eventFork, 1, 2, 3, 4), Event{Kind: Fork, Time: 5, ParentTGID: 2, PID: 3, TGID: 4}, true, nil},
		"exec":             {message(eventExec, 3, 4), Event{Kind: Exec, Time: 5, PID: 3, TGID: 4}, true, nil},
		"uid":              {message(eventUID, 3, 4, 1000, 33), Event{Kind: UID, Time: 5, PID: 3, TGID: 4, UID: 33}, true, nil},
		"exit":             {message(eventExit, 3, 4, 9, 17, 1, 2), Event{Kind: Exit, Time: 5, PID: 3, TGID: 4, ExitCode: 9, ParentTGID: 2}, true, nil},
		"exit before 4.18": {message(eventExit, 3, 4, 9, 17), Event{Kind: Exit, Time: 5, PID: 3, TGID: 4, ExitCode: 9}, true, nil},
		"comm":             {message(0x200, 3, 4, 0, 0, 0, 0), Event{}, false, nil},
		"half a fork":      {message(eventFork, 1, 2, 3), Event{}, false, errShort},
		"half an exec":     {message(eventExec, 1), Event{}, false, errShort},
		"half an exit":     {message(eventExit, 1, 2, 3), Event{}, false, errShort},
		"half a uid":       {message(eventUID, 1, 2, 3), Event{}, false, errShort},
		"no event":         {make([]byte, 35), Event{}, false, errShort},
		"another sender":   {make([]byte, 60), Event{}, false, errForeign},
	} {
		got, known, err := parseEvent(test.data)
		if !known {
			got = Event{}
		}
		if diff := cmp.Diff(test.want, got); diff != "" || known != test.known || !errors.Is(err, test.err) {
			t.Errorf("%s: known %v, %v, %s", name, known, err, diff)
		}
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	if code, ok := answer(message(eventNone, uint32(unix.EPERM))); !ok || unix.Errno(code) != unix.EPERM {
		t.Errorf("%d, %v", code, ok)
	}
	if _, ok := answer(message(eventFork, 1, 2, 3, 4)); ok {
		t.Error("an event was taken for an answer")
	}
}

// stats is a struct taskstats with a number in each field that is read.
func stats(version uint16, size, grown int) []byte {
	data := make([]byte, size)
	order := binary.NativeEndian
	order.PutUint16(data, version)
	order.PutUint32(data[4:], 9)
	data[8] = agroup
	early, late := 3*grown, 6*grown
	copy(data[80+early:], "kdevtmpfsi\x00")
	order.PutUint32(data[120+early:], 33)
	order.PutUint32(data[128+early:], 812)
	order.PutUint32(data[132+early:], 700)
	order.PutUint64(data[144+early:], 3_000_000)
	order.PutUint64(data[152+early:], 1_000_000)
	order.PutUint64(data[160+early:], 500_000)
	if version >= tgidFormat {
		order.PutUint32(data[368+late:], 811)
		order.PutUint64(data[384+late:], 2049)
		order.PutUint64(data[392+late:], 77)
	}
	return data
}

func TestParseStats(t *testing.T) {
	t.Parallel()
	old := Account{
		PID: 812, PPID: 700, UID: 33, Comm: "kdevtmpfsi", ExitCode: 9,
		Elapsed: 3 * time.Second, CPU: 1500 * time.Millisecond,
	}
	full := old
	full.TGID, full.Last = 811, true
	for name, test := range map[string]struct {
		data []byte
		want Account
	}{
		"8, Linux 3.10":           {stats(8, 328, 0), old},
		"9":                       {stats(9, 344, 0), old},
		"10":                      {stats(10, 352, 0), old},
		"11":                      {stats(11, 368, 0), old},
		"12":                      {stats(12, 400, 0), full},
		"13":                      {stats(13, 416, 0), full},
		"14, Linux 6.6":           {stats(14, 432, 0), full},
		"14 with the longest":     {stats(14, sizeWithMax, 8), full},
		"15":                      {stats(15, sizeWithMaxMin, 16), full},
		"16, at the end now":      {stats(16, 560, 0), full},
		"17, longer still":        {stats(17, 688, 0), full},
		"16 as long as 15 was":    {stats(16, sizeWithMaxMin, 0), full},
		"16 with no end to it":    {stats(16, 4096, 0), full},
		"12, cut after the inode": {stats(12, 400, 0), full},
	} {
		got, err := parseStats(test.data)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	for _, like := range []struct {
		version     uint16
		size, grown int
	}{{8, 328, 0}, {14, sizeWithMax, 8}, {15, sizeWithMaxMin, 16}, {17, 688, 0}} {
		data := stats(like.version, like.size, like.grown)
		binary.NativeEndian.PutUint64(data[72+3*like.grown:], 1_234_567_890)
		if got, err := parseStats(data); err != nil || got.CPU != 1_234_567_890 {
			t.Errorf("%d: a run time of %s, %v", like.version, got.CPU, err)
		}
	}
	for name, data := range map[string][]byte{
		"empty": nil, "7": stats(7, 328, 0), "8, cut": stats(8, 328, 0)[:167], "12, cut": stats(12, 400, 0)[:399], "15, cut": stats(15, 560, 16)[:168],
	} {
		if _, err := parseStats(data); !errors.Is(err, errFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// nested is an attribute that holds others.
func nested(t testing.TB, kind uint16, attributes ...netlink.Attribute) netlink.Attribute {
	t.Helper()
	data, err := netlink.MarshalAttributes(attributes)
	if err != nil {
		t.Fatal(err)
	}
	return netlink.Attribute{Type: kind | unix.NLA_F_NESTED, Data: data}
}

func number(kind uint16, value uint32) netlink.Attribute {
	data := make([]byte, 4)
	binary.NativeEndian.PutUint32(data, value)
	return netlink.Attribute{Type: kind, Data: data}
}

func attributesOf(t testing.TB, attributes ...netlink.Attribute) []byte {
	t.Helper()
	data, err := netlink.MarshalAttributes(attributes)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseAccount(t *testing.T) {
	t.Parallel()
	thread := nested(t, unix.TASKSTATS_TYPE_AGGR_PID, number(unix.TASKSTATS_TYPE_PID, 812),
		netlink.Attribute{Type: unix.TASKSTATS_TYPE_STATS, Data: stats(8, 328, 0)})
	process := nested(t, unix.TASKSTATS_TYPE_AGGR_TGID, number(unix.TASKSTATS_TYPE_TGID, 800),
		netlink.Attribute{Type: unix.TASKSTATS_TYPE_STATS, Data: stats(8, 328, 0)})
	got, err := parseAccount(attributesOf(t, thread))
	if err != nil || got.PID != 812 || got.TGID != 0 || got.Last {
		t.Errorf("one of several threads on an old kernel: %+v, %v", got, err)
	}
	got, err = parseAccount(attributesOf(t, thread, process))
	if err != nil || got.PID != 812 || got.TGID != 800 || !got.Last || got.CPU != 1500*time.Millisecond {
		t.Errorf("the last of several threads: %+v, %v", got, err)
	}
	if _, err := parseAccount(attributesOf(t, process)); !errors.Is(err, errFormat) {
		t.Errorf("no account of a thread: %v", err)
	}
}
