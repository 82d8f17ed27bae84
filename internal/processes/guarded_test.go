package processes

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestHungArguments holds that a process whose arguments never come is counted as one
// that cannot be seen, is reported as hanging, and holds nobody else up.
func TestHungArguments(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	f.put(fakeProcess{pid: 10, start: 1, comm: "hangs", exe: "/usr/bin/hangs", uid: 1000})
	f.put(fakeProcess{pid: 11, start: 2, comm: "other", exe: "/usr/bin/other", argv: []string{"other"}, uid: 1001})
	arguments := filepath.Join(f.root, "10/cmdline")
	if err := os.Remove(arguments); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(arguments, 0o600); err != nil { // whoever opens it waits for a writer
		t.Skip("no FIFO here: ", err)
	}
	s := f.sensor()
	sampleAt(t, s, 100)
	last := sampleAt(t, s, 160)
	if got := processOf(t, last, 10).MemoryHangs.Seconds(); got != 60 {
		t.Errorf("it hangs for %.0f s, want 60", got)
	}
	if got := processOf(t, last, 11); got.MemoryHangs != 0 || len(got.Argv) != 1 {
		t.Errorf("the other: %+v", got)
	}
	if share := last.Visibility[model.AspectStat]; share != (model.Share{Readable: 1, Total: 2}) {
		t.Errorf("visibility: %+v", share)
	}
	if got := last.ReadErrors[model.ReadError{Aspect: model.AspectStat, Reason: model.ReasonTimeout}]; got != 1 {
		t.Errorf("%d read errors, want the one hung read", got)
	}
	writer, err := os.OpenFile(arguments, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	writer.Close()
}
