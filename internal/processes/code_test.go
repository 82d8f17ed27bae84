package processes

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// randomXCode is what a compiler makes of the constants of RandomX.
func randomXCode() string {
	var code []byte
	for _, constant := range []uint64{
		9298411001130361340, 12065312585734608966, 9306329213124626780, 5281919268842080866, 10536153434571861004, 3398623926847679864, 9549104520008361294,
	} {
		code = binary.LittleEndian.AppendUint64(append(code, 0x48, 0xb8), constant)
	}
	return string(code)
}

// putCode gives a process one page of executable memory, at 64 KiB, with a content.
func (f *fakeProc) putCode(pid int, content string) {
	f.t.Helper()
	const start = 64 << 10
	page := os.Getpagesize()
	directory := strconv.Itoa(pid)
	f.write(directory+"/maps", "10000-"+strconv.FormatInt(int64(start+page), 16)+" rwxp 00000000 00:00 0\n")
	f.write(directory+"/mem", strings.Repeat("\x00", start)+content+strings.Repeat("\x00", page-len(content)))
	f.write(directory+"/pagemap", strings.Repeat("\x00", start/page*8)+string(binary.NativeEndian.AppendUint64(nil, 1<<63)))
}

// TestScanCode: what uses CPU is scanned, by itself or with other instances of its program; what
// was found stays, and what could not be read is said.
func TestScanCode(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	same := program(t, "small", "\x7fELF same")
	processes := []fakeProcess{
		{pid: 10, comm: "miner", exe: "/usr/bin/miner"},
		{pid: 11, comm: "idle", exe: "/usr/bin/idle"},
		{pid: 12, comm: "late", exe: "/usr/bin/late"},
		{pid: 13, comm: "blind", exe: "/usr/bin/blind"},
		{pid: 20, comm: "small", exe: same},
		{pid: 21, comm: "small", exe: same},
		{pid: 22, comm: "small", exe: same},
	}
	rate := map[int]float64{10: 1, 12: 1, 13: 1, 20: 0.1, 21: 0.1, 22: 0.1}
	s := f.sensor()
	sample := func(at float64) *model.ProcessSnapshot {
		t.Helper()
		for _, p := range processes {
			p.start, p.argv, p.used = 1, []string{p.comm}, rate[p.pid]*at
			f.put(p)
		}
		return sampleAt(t, s, at)
	}
	for _, p := range processes {
		f.putCode(p.pid, randomXCode())
	}
	f.putCode(12, "nothing yet")
	if err := os.RemoveAll(f.root + "/13/mem"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(f.root+"/13/mem", 0o755); err != nil {
		t.Fatal(err)
	}
	sample(1000)
	sample(1060)
	last := sample(1120) // four are scanned in one sample
	in := func(pid int) string {
		t.Helper()
		if look := processOf(t, last, pid).Inspection; look != nil && look.CodeScanned {
			return look.RandomXIn
		}
		return "not scanned"
	}
	want := map[int]string{10: "anonymous memory", 11: "not scanned", 12: "", 13: "", 20: "anonymous memory", 21: "anonymous memory", 22: "anonymous memory"}
	for pid, want := range want {
		if got := in(pid); got != want {
			t.Errorf("pid %d: %q, want %q", pid, got, want)
		}
	}
	blind := processOf(t, last, 13).Inspection
	if blind.Unread[model.PartExecutableMemory] != model.ReasonOther {
		t.Errorf("blind: %+v", blind)
	}
	early := processOf(t, last, 12).Inspection
	f.putCode(12, randomXCode())
	last = sample(1181)
	if in(12) != "anonymous memory" || in(10) != "anonymous memory" || early.RandomXIn != "" {
		t.Errorf("later: %q, %q; what was published: %q", in(12), in(10), early.RandomXIn)
	}
}

// TestContentOfAProgram: what the hash pass finds is a fact of the process, and its memory is not scanned.
func TestContentOfAProgram(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	f.put(fakeProcess{pid: 10, start: 1, comm: "x", exe: program(t, "x", elfHead()+randomXCode()+"mining.submit mining.notify donate-level"), argv: []string{"x"}})
	s := f.sensor()
	sampleAt(t, s, 100)
	f.put(fakeProcess{pid: 10, start: 1, comm: "x", exe: s.entries[10].process.Exe, argv: []string{"x"}, used: 60})
	p := processOf(t, sampleAt(t, s, 160), 10)
	if !p.Content.RandomX || len(p.Content.MinerWords) != 3 || p.Content.Node || p.Inspection == nil || p.Inspection.CodeScanned {
		t.Errorf("%+v %+v", p.Content, p.Inspection)
	}
	f.put(fakeProcess{pid: 10, start: 1, comm: "y", exe: "/usr/bin/y", argv: []string{"y"}, used: 60})
	if p := processOf(t, sampleAt(t, s, 170), 10); p.Content.RandomX || p.Content.MinerWords != nil {
		t.Errorf("after exec: %+v", p.Content)
	}
}

// elfHead is the head of a program of 64 bits.
func elfHead() string {
	return "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00" + strings.Repeat("\x00", 46)
}
