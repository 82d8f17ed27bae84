package files

import (
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inotifyEvent is a struct inotify_event, its name filled up as the kernel does.
func inotifyEvent(watch int32, mask uint32, name string) []byte {
	padded := 0
	if name != "" {
		padded = (len(name) + unix.SizeofInotifyEvent) / unix.SizeofInotifyEvent * unix.SizeofInotifyEvent
	}
	event := make([]byte, unix.SizeofInotifyEvent+padded)
	binary.NativeEndian.PutUint32(event, uint32(watch))
	binary.NativeEndian.PutUint32(event[4:], mask)
	binary.NativeEndian.PutUint32(event[12:], uint32(padded))
	copy(event[unix.SizeofInotifyEvent:], name)
	return event
}

// FuzzEvents: whatever files are called, each change of one is handed out once under its name, and no bytes
// make more of them than they hold.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(nil), int32(1), "kdevtmpfsi", ".x")
	f.Add(inotifyEvent(3, unix.IN_Q_OVERFLOW, ""), int32(-1), "a\nb", "\xff")
	f.Add(append(inotifyEvent(3, unix.IN_IGNORED, ""), 1, 2, 3), int32(7), strings.Repeat("x", 255), "x")
	f.Add([]byte{15: 0xff, 16: 0}, int32(0), "x", "x")
	f.Fuzz(func(t *testing.T, garbage []byte, watch int32, one, two string) {
		for _, name := range []string{one, two} {
			if name == "" || len(name) > 255 || strings.ContainsAny(name, "\x00/") {
				t.Skip("no file is called so")
			}
		}
		newEvents := func() *events {
			return &events{first: map[eventKey]uint32{}, rest: map[eventKey]uint32{}, dropped: map[int32]bool{}}
		}
		tells := func(name string) bool { return strings.HasPrefix(name, ".") }
		e := newEvents()
		e.add(garbage, tells)
		if waiting := len(e.first) + len(e.rest); waiting*unix.SizeofInotifyEvent > len(garbage) {
			t.Errorf("%d names in %d bytes", waiting, len(garbage))
		}

		e = newEvents()
		read := append(inotifyEvent(watch, unix.IN_CREATE, one), inotifyEvent(watch, unix.IN_CLOSE_WRITE, two)...)
		if !e.add(append(read, inotifyEvent(watch, unix.IN_DELETE, one)...), tells) {
			t.Error("nothing is new")
		}
		got := map[string]uint32{}
		for e.waiting() {
			for _, event := range e.take() {
				if event.watch != watch || got[event.name] != 0 {
					t.Errorf("%+v", event)
				}
				got[event.name] = event.mask
			}
		}
		want := map[string]uint32{one: unix.IN_CREATE | unix.IN_DELETE}
		want[two] |= unix.IN_CLOSE_WRITE
		if len(got) != len(want) || got[one] != want[one] || got[two] != want[two] {
			t.Errorf("%v of %q and %q", got, one, two)
		}
		if _, all, lost := e.losses(); all || lost != 0 {
			t.Errorf("%d events are lost", lost)
		}
	})
}
