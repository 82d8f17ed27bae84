package taskevents

import (
	"errors"
	"slices"
	"testing"
	"unsafe"
)

// bytesOf is a record as the kernel writes it, with arguments behind it.
func bytesOf(record *objectExec, arguments string) []byte {
	return append(slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(record)), execSize)), arguments...)
}

func TestDecode(t *testing.T) {
	t.Parallel()
	exec := objectExec{Head: objectHead{Kind: uint16(Exec), Pid: 7}, ArgumentsLength: 5, Known: 1, Comm: [16]uint8{'a', 0, 'b'}}
	var e Event
	if err := e.decode(bytesOf(&exec, "a\x00bc\x00")); err != nil || e.PID != 7 || string(e.Arguments) != "a\x00bc\x00" || e.Truncated || !e.Known || e.Name() != "a" {
		t.Errorf("%+v, %v", e, err)
	}
	if err := e.decode(bytesOf(&exec, "a\x00b")); err != nil || string(e.Arguments) != "a\x00b" || !e.Truncated {
		t.Errorf("%+v, %v", e, err)
	}
	if err := e.decode(bytesOf(&exec, "a\x00bc\x00d\x00")); err != nil || string(e.Arguments) != "a\x00bc\x00" {
		t.Errorf("%+v, %v", e, err)
	}
	exec.Comm = [16]uint8{}
	for i := range exec.Comm {
		exec.Comm[i] = 'x' // nothing ends it
	}
	if err := e.decode(bytesOf(&exec, "")); err != nil || len(e.Name()) != 16 {
		t.Errorf("%q, %v", e.Name(), err)
	}
	for _, kind := range []Kind{0, Fork, Exec, Exit, Gone, Gone + 1} {
		for _, size := range []int{0, 1, headSize - 1, headSize} {
			record := objectExec{Head: objectHead{Kind: uint16(kind)}}
			if err := e.decode(bytesOf(&record, "")[:size]); !errors.Is(err, errRecord) {
				t.Errorf("%d bytes of kind %d: %v", size, kind, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, kind := range []Kind{Fork, Exec, Exit, Gone} {
		record := objectExec{Head: objectHead{Kind: uint16(kind)}, ArgumentsLength: 3}
		f.Add(bytesOf(&record, "ab\x00"))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		var e Event
		if err := e.decode(record); err == nil && (len(e.Arguments) > len(record) || len(e.Name()) > len(e.Comm)) {
			t.Errorf("%+v", e)
		}
	})
}
