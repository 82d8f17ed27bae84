package procevents

import (
	"slices"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// FuzzParseEvent: what is known of any message is what the kernel would write for it.
func FuzzParseEvent(f *testing.F) {
	f.Add(message(eventFork, 1, 2, 3, 4))
	f.Add(message(eventExec, 3, 4))
	f.Add(message(eventUID, 3, 4, 1000, 33))
	f.Add(message(eventExit, 1, 2, 3, 4, 5, 6))
	f.Add(message(eventNone, uint32(unix.EPERM)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		event, known, err := parseEvent(data)
		if known && (err != nil || event.Kind < Fork || event.Kind > UID) || err != nil && known {
			t.Errorf("%+v, %v", event, err)
		}
		if code, ok := answer(data); ok && known {
			t.Errorf("an event is also the answer %d", code)
		}
		if !known {
			return
		}
		var again []byte
		pid, tgid, parent := uint32(event.PID), uint32(event.TGID), uint32(event.ParentTGID)
		switch event.Kind {
		case Fork:
			again = message(eventFork, 1, parent, pid, tgid)
		case Exec:
			again = message(eventExec, pid, tgid)
		case UID:
			again = message(eventUID, pid, tgid, 1000, event.UID)
		case Exit:
			again = message(eventExit, pid, tgid, event.ExitCode, 17, 1, parent)
		}
		got, known, err := parseEvent(again)
		got.Time = event.Time // message writes another
		if !known || err != nil || got != event {
			t.Errorf("%+v, %+v, %v", event, got, err)
		}
	})
}

// FuzzSetInOrder: of events from two sockets none is lost and none comes before what is older, whatever their times.
func FuzzSetInOrder(f *testing.F) {
	f.Add([]byte{1, 5, 3}, []byte{2, 4}, []byte{6, 1})
	f.Add([]byte{}, []byte{255}, []byte{0, 255})
	f.Fuzz(func(t *testing.T, before, others, after []byte) {
		c := &Connector{}
		add := func(times []byte, kind Kind) {
			for _, at := range times {
				c.events = append(c.events, Event{Kind: kind, Time: time.Duration(at), PID: len(c.events) + 1})
			}
		}
		add(before, Exec)
		add(others, Fork)
		add(after, Exec)
		all := slices.Clone(c.events)
		c.setInOrder(len(before), len(before)+len(others))
		if !slices.IsSortedFunc(c.events, func(a, b Event) int { return int(a.Time - b.Time) }) {
			t.Errorf("%+v", c.events)
		}
		together := slices.Concat(c.events, c.early)
		slices.SortFunc(together, func(a, b Event) int { return a.PID - b.PID })
		if !slices.Equal(all, together) {
			t.Errorf("%+v became %+v and %+v", all, c.events, c.early)
		}
		for _, kept := range c.early {
			if kept.Kind != Exec || kept.PID <= len(before)+len(others) {
				t.Errorf("%+v waits", kept)
			}
		}
	})
}

// FuzzParseAccount: an account is bounded, and the two ways to it agree.
func FuzzParseAccount(f *testing.F) {
	for _, data := range [][]byte{stats(8, 328, 0), stats(15, 560, 16), stats(16, 560, 0)} {
		f.Add(attributesOf(f, nested(f, unix.TASKSTATS_TYPE_AGGR_PID, netlink.Attribute{Type: unix.TASKSTATS_TYPE_STATS, Data: data})))
		f.Add(data)
	}
	thread := nested(f, unix.TASKSTATS_TYPE_AGGR_PID, number(unix.TASKSTATS_TYPE_PID, 812), netlink.Attribute{Type: unix.TASKSTATS_TYPE_STATS, Data: stats(8, 328, 0)})
	process := nested(f, unix.TASKSTATS_TYPE_AGGR_TGID, number(unix.TASKSTATS_TYPE_TGID, 800), netlink.Attribute{Type: unix.TASKSTATS_TYPE_STATS, Data: stats(8, 328, 0)})
	f.Add(attributesOf(f, thread, process))
	f.Fuzz(func(t *testing.T, data []byte) {
		account, err := parseAccount(data)
		if err == nil && (account.CPU < 0 || account.Elapsed < 0 || len(account.Comm) > 32) {
			t.Errorf("%+v", account)
		}
		if asked, askedErr := parseAnswer(data, unix.TASKSTATS_TYPE_AGGR_PID); err == nil && (askedErr != nil || asked.PPID != account.PPID || len(asked.Comm) > 32) {
			t.Errorf("%+v of a report, %+v (%v) of an answer", account, asked, askedErr)
		}
		if asked, err := parseAnswer(data, unix.TASKSTATS_TYPE_AGGR_TGID); err == nil && asked.CPU < 0 {
			t.Errorf("%+v", asked)
		}
		if stats, err := parseStats(data); err == nil && (stats.CPU < 0 || stats.Elapsed < 0 || len(data) < 168) {
			t.Errorf("%+v of %d bytes", stats, len(data))
		}
	})
}
