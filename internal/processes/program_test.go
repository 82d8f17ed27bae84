package processes

import (
	"encoding/binary"
	"os"
	"runtime"
	"testing"
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
	name := program(t, "sparse", string(head))
	if err := os.Truncate(name, sections*64); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	packed, static, err := inspectProgram(name)
	runtime.ReadMemStats(&after)
	if packed || !static || err != nil {
		t.Errorf("packed %v, static %v, %v", packed, static, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d bytes of memory, want less than 1 MiB", took)
	}
}
