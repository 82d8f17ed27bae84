package inspect

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestSparseProgram holds that a running program which claims to have 60 million
// section headers, in a hole of its file, is looked at without reading them.
func TestSparseProgram(t *testing.T) { // not parallel: it measures memory
	const sections = 60_000_000
	head := make([]byte, 4096)
	copy(head, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(head[16:], 2)           // ET_EXEC
	binary.LittleEndian.PutUint64(head[40:], 64)          // e_shoff
	binary.LittleEndian.PutUint16(head[54:], 56)          // e_phentsize
	binary.LittleEndian.PutUint16(head[58:], 64)          // e_shentsize, and 0 as their number
	binary.LittleEndian.PutUint64(head[64+32:], sections) // sh_size of section 0
	name := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(name, head, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, sections*64); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := readProgram(name)
	runtime.ReadMemStats(&after)
	if got.Packed || !got.Static || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d bytes of memory, want less than 1 MiB", took)
	}
}

// TestUnreadIsSaid holds that what cannot be read is never taken for none.
func TestUnreadIsSaid(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	directory := filepath.Join(proc, "10")
	// A directory instead of a file, and the other way round, cannot be read by anybody.
	for _, name := range []string{"maps", "cmdline", "environ", "task/10/stat", "exe"} {
		if err := os.MkdirAll(filepath.Join(directory, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"fd": "", "status": "Name:\tx\nHugetlbPages:\tmany kB\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reads := NewReads()
	reads.Begin(time.Now())
	facts, failed, err := New(proc, reads).Inspect(subject(10, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	for part, want := range map[model.InspectionPart]model.Reason{
		model.PartArguments: model.ReasonOther, model.PartEnvironment: model.ReasonOther, model.PartMemoryMap: model.ReasonOther,
		model.PartThreads: model.ReasonOther, model.PartHugePages: model.ReasonParse, model.PartOpenFiles: model.ReasonOther,
		model.PartProgram: model.ReasonOther,
	} {
		if got := facts.Inspection.Unread[part]; got != want {
			t.Errorf("%s: %q, want %q", part, got, want)
		}
	}
	if len(failed) != 7 {
		t.Errorf("%d failures are reported, want 7: %v", len(failed), failed)
	}
}
