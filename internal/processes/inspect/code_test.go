package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// randomXCode is what a compiler makes of the constants. Without the loop, they would stand
// in this test's own code.
func randomXCode(most int) []byte {
	var code []byte
	for _, constant := range []uint64{
		^uint64(9298411001130361340), ^uint64(12065312585734608966), ^uint64(9306329213124626780), ^uint64(5281919268842080866),
		^uint64(10536153434571861004), ^uint64(3398623926847679864), ^uint64(9549104520008361294),
	}[:most] {
		code = binary.LittleEndian.AppendUint64(append(code, 0x48, 0xb8), ^constant)
	}
	return code
}

// fakeCode is a process of a fake procfs with one page table.
type fakeCode struct {
	t     *testing.T
	proc  string
	maps  strings.Builder
	pages *os.File
	mem   *os.File
}

func newFakeCode(t *testing.T) *fakeCode {
	t.Helper()
	f := &fakeCode{t: t, proc: t.TempDir()}
	directory := filepath.Join(f.proc, "10")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(directory, "root")); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]**os.File{"mem": &f.mem, "pagemap": &f.pages} {
		opened, err := os.Create(filepath.Join(directory, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { opened.Close() })
		*file = opened
	}
	return f
}

// mapped adds a mapping, of which some pages are there.
func (f *fakeCode) mapped(start, pages int, flags, rest string, entries map[int]uint64) {
	f.t.Helper()
	page := os.Getpagesize()
	fmt.Fprintf(&f.maps, "%08x-%08x %s 00000000 %s\n", start, start+pages*page, flags, rest)
	if err := os.WriteFile(filepath.Join(f.proc, "10/maps"), []byte(f.maps.String()), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := f.mem.Truncate(int64(start + pages*page)); err != nil {
		f.t.Fatal(err)
	}
	for i := range pages {
		f.page(start+i*page, entries[i])
	}
}

func (f *fakeCode) page(address int, entry uint64) {
	f.t.Helper()
	if _, err := f.pages.WriteAt(binary.NativeEndian.AppendUint64(nil, entry), int64(address/os.Getpagesize()*pageEntry)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fakeCode) write(address int, content []byte) {
	f.t.Helper()
	if _, err := f.mem.WriteAt(content, int64(address)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fakeCode) scanner() *Code {
	return NewCode(f.proc, NewReads(), fingerprint.NewMatcher(), func() time.Duration { return 0 })
}

func (f *fakeCode) look(c *Code, covered model.FileID, state *CodeState) error {
	f.t.Helper()
	c.reads.Begin(time.Now())
	return c.Look(Subject{Identity: model.Identity{PID: 10, StartTime: 1}}, covered, time.Now(), state)
}

// mappedFile is a file on a local disk whose content is known to stay: not in a tmpfs.
func mappedFile(t *testing.T) (name string, stat unix.Stat_t) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "library.so")
	if err := os.WriteFile(name, make([]byte, 4*os.Getpagesize()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat(name, &stat); err != nil {
		t.Fatal(err)
	}
	if keyOf(name) == nil {
		t.Skip("the temporary directory is a tmpfs")
	}
	return name, stat
}

func TestAnonymousCode(t *testing.T) {
	t.Parallel()
	page := os.Getpagesize()
	for name, test := range map[string]struct {
		flags, rest string
		entry       uint64
		want        string
	}{
		"anonymous":        {"rwxp", "00:00 0", pagePresent, "anonymous memory"},
		"named":            {"r-xp", "00:00 0 [anon:v8]", pagePresent, "[anon:v8]"},
		"stack":            {"rwxp", "00:00 0 [stack]", pagePresent, "[stack]"},
		"memfd":            {"r-xs", "00:01 7 /memfd:x (deleted)", pagePresent | pageOfFile, "/memfd:x (deleted)"},
		"shared":           {"rwxs", "00:01 7 /dev/zero (deleted)", pagePresent | pageOfFile, "/dev/zero (deleted)"},
		"SysV":             {"rwxs", "00:01 7 /SYSV00000000 (deleted)", pagePresent | pageOfFile, "/SYSV00000000 (deleted)"},
		"deleted file":     {"r-xp", "08:01 7 /tmp/x (deleted)", pagePresent | pageOfFile, "/tmp/x (deleted)"},
		"another file now": {"r-xp", "08:01 7 /bin/sh", pagePresent | pageOfFile, "/bin/sh"},
		"a page that is not there, which a read would make": {"rwxp", "00:00 0", 0, ""},
		"no code":      {"rw-p", "00:00 0", pagePresent, ""},
		"the kernel's": {"r-xp", "00:00 0 [vdso]", pagePresent, ""},
	} {
		f := newFakeCode(t)
		f.mapped(0x10000, 1, "r-xp", "00:00 0", nil)
		f.mapped(0x400000, 8, test.flags, test.rest, map[int]uint64{2: test.entry, 3: test.entry})
		f.write(0x400000+3*page-20, randomXCode(7)) // across two pages
		var state CodeState
		if err := f.look(f.scanner(), model.FileID{}, &state); err != nil || state.In != test.want || state.At.IsZero() {
			t.Errorf("%s: %q, %v", name, state.In, err)
		}
	}
}

// TestConstantsTogether: five of seven in several mappings do, also over several looks.
func TestConstantsTogether(t *testing.T) {
	t.Parallel()
	f := newFakeCode(t)
	f.mapped(0x400000, 1, "rwxp", "00:00 0", map[int]uint64{0: pagePresent})
	f.mapped(0x800000, 1, "rwxp", "00:00 0", map[int]uint64{0: pagePresent})
	f.write(0x400000, randomXCode(3))
	f.write(0x800000, randomXCode(7)[40:])
	var state CodeState
	if err := f.look(f.scanner(), model.FileID{}, &state); err != nil || state.In != SomeMappings {
		t.Errorf("%q, %v", state.In, err)
	}
	f.write(0x800000, make([]byte, 100))
	state = CodeState{}
	c := f.scanner()
	if err := f.look(c, model.FileID{}, &state); err != nil || state.In != "" {
		t.Errorf("three constants: %q, %v", state.In, err)
	}
	f.write(0x800000, randomXCode(7)) // compiled after the first look
	if err := f.look(c, model.FileID{}, &state); err != nil || state.In != "anonymous memory" {
		t.Errorf("later: %q, %v", state.In, err)
	}
}

// TestMappedFile: a file is read once for each content, what a process has changed of it
// every time, and a change does not count for the file.
func TestMappedFile(t *testing.T) {
	t.Parallel()
	name, stat := mappedFile(t)
	f := newFakeCode(t)
	f.mapped(0x400000, 4, "r-xp", fmt.Sprintf("08:01 %d    %s", stat.Ino, name), nil)
	f.write(0x400000, randomXCode(7))
	c := f.scanner()
	look := func() string {
		t.Helper()
		var state CodeState
		if err := f.look(c, model.FileID{}, &state); err != nil {
			t.Fatal(err)
		}
		return state.In
	}
	if got := look(); got != name {
		t.Errorf("a file: %q", got)
	}
	f.write(0x400000, make([]byte, 100))
	if got := look(); got != "" || len(c.clean.known) != 1 {
		t.Errorf("a clean file: %q, %d remembered", got, len(c.clean.known))
	}
	f.write(0x400000, randomXCode(7))
	if got := look(); got != "" {
		t.Errorf("a clean file was read again: %q", got)
	}
	f.page(0x400000, pagePresent) // and not of the file
	if got := look(); got != name {
		t.Errorf("a page that the process has changed: %q", got)
	}
	f.page(0x400000, pagePresent|pageOfFile)
	if err := os.WriteFile(name, []byte("changed"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := look(); got != name {
		t.Errorf("another content: %q", got)
	}

	// While a process has changed pages, the part is not remembered as clean.
	clear(c.clean.known)
	f.write(0x400000, make([]byte, 100))
	f.page(0x400000, pagePresent)
	if look(); len(c.clean.known) != 0 {
		t.Error("remembered with a changed page")
	}
}

// TestCoveredFile: what the hash has read is not read again, but what is changed of it.
func TestCoveredFile(t *testing.T) {
	t.Parallel()
	name, stat := mappedFile(t)
	f := newFakeCode(t)
	f.mapped(0x400000, 4, "r-xp", fmt.Sprintf("08:01 %d %s", stat.Ino, name), map[int]uint64{1: pagePresent | pageOfFile})
	f.write(0x400000, randomXCode(7))
	covered := model.FileID{Dev: stat.Dev, Inode: stat.Ino}
	var state CodeState
	if err := f.look(f.scanner(), covered, &state); err != nil || state.In != "" {
		t.Errorf("%q, %v", state.In, err)
	}
	f.page(0x400000, pagePresent)
	if err := f.look(f.scanner(), covered, &state); err != nil || state.In != name {
		t.Errorf("unpacked over itself: %q, %v", state.In, err)
	}
}

// TestCodeLimits: a look ends at its bytes and goes on where it ended; CPU time is used up
// and comes back.
func TestCodeLimits(t *testing.T) {
	t.Parallel()
	f := newFakeCode(t)
	const parts = codeLookBytes/codePart + 3
	pages := map[int]uint64{}
	for i := range parts * codePart / os.Getpagesize() {
		pages[i] = pagePresent
	}
	f.mapped(0x400000, len(pages), "rwxp", "00:00 0", pages)
	f.write(0x400000+parts*codePart-100, randomXCode(7)) // in the last part
	c := f.scanner()
	var state CodeState
	for looks := 1; state.In == ""; looks++ {
		if err := f.look(c, model.FileID{}, &state); err != nil || looks > 20 {
			t.Fatalf("after %d looks: %+v, %v", looks, state, err)
		}
		if looks == 1 && (state.from == 0 || state.In != "") {
			t.Errorf("the first look: %+v", state)
		}
	}

	used := time.Duration(0)
	c = NewCode(f.proc, NewReads(), fingerprint.NewMatcher(), func() time.Duration {
		used += codeLeast
		return used
	})
	now := time.Now()
	looks := 0
	for ; c.Ready(now); looks++ {
		state = CodeState{}
		if err := c.Look(Subject{Identity: model.Identity{PID: 10}}, model.FileID{}, now, &state); err != nil {
			t.Fatal(err)
		}
	}
	if looks == 0 || c.left > codeLeast {
		t.Errorf("%d looks, %v left", looks, c.left)
	}
	if c.Ready(now.Add(time.Second)) {
		t.Error("ready after a second, which is worth 5 ms")
	}
	if !c.Ready(now.Add(time.Minute)) || c.left > codeCarried {
		t.Errorf("not ready after a minute, or more than a minute's worth: %v", c.left)
	}
}

// TestReserve: more executable address space than a look goes through is said.
func TestReserve(t *testing.T) {
	t.Parallel()
	f := newFakeCode(t)
	line := fmt.Sprintf("%x-%x rwxp 00000000 00:00 0\n", 0x400000, 0x400000+codeReserve+codePart)
	if err := os.WriteFile(filepath.Join(f.proc, "10/maps"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.pages.Truncate((0x400000 + codeReserve + codePart) / int64(os.Getpagesize()) * pageEntry); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	var state CodeState
	if err := f.look(f.scanner(), model.FileID{}, &state); err == nil || state.Unread != model.ReasonOther || state.from == 0 {
		t.Errorf("%+v, %v", state, err)
	}
}

// TestUnreadableCode: what could not be read is said.
func TestUnreadableCode(t *testing.T) {
	t.Parallel()
	f := newFakeCode(t)
	f.mapped(0x400000, 1, "rwxp", "00:00 0", map[int]uint64{0: pagePresent})
	if err := os.Remove(filepath.Join(f.proc, "10/mem")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(f.proc, "10/mem"), 0o755); err != nil {
		t.Fatal(err)
	}
	var state CodeState
	if err := f.look(f.scanner(), model.FileID{}, &state); !errors.Is(err, unix.EISDIR) || state.Unread != model.ReasonOther {
		t.Errorf("%+v, %v", state, err)
	}
}

// TestOwnCode scans this very process before and after it has code of RandomX in memory that
// no file has: with the kernel's own maps, page table and memory.
func TestOwnCode(t *testing.T) { // not parallel: it changes its own memory
	c := NewCode("/proc", NewReads(), fingerprint.NewMatcher(), nil)
	look := func() CodeState {
		t.Helper()
		c.at, c.left = time.Time{}, 0
		var state CodeState
		for range 20 {
			c.reads.Begin(time.Now())
			if err := c.Look(Subject{Identity: model.Identity{PID: os.Getpid()}}, model.FileID{}, time.Now(), &state); err != nil {
				t.Skip("this process cannot be read here: ", err)
			}
			if state.from == 0 {
				break
			}
		}
		return state
	}
	if state := look(); state.In != "" {
		t.Fatalf("before: %+v", state)
	}
	memory, err := unix.Mmap(-1, 0, 64<<10, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(memory)
	copy(memory[12345:], randomXCode(7))
	if err := unix.Mprotect(memory, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		t.Skip("executable memory is forbidden here: ", err)
	}
	if state := look(); state.In != "anonymous memory" {
		t.Errorf("after: %+v", state)
	}
}

func FuzzExecutableMappings(f *testing.F) {
	f.Add("7f00-8f00 r-xp 00001000 08:01 7 /usr/lib/x y.so (deleted)\n0-1000 rwxp 0 00:00 0\n")
	f.Add("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n")
	f.Fuzz(func(t *testing.T, content string) {
		maps, _ := parseExecutable(strings.NewReader(content))
		count := 0
		for part := range partsOf(maps, 0, 1<<30) {
			if count++; part.start >= part.end || part.end > lastUserAddress || part.end-part.start > codePart {
				t.Errorf("%+v", part)
			}
		}
		if count > 1<<30/codePart {
			t.Errorf("%d parts", count)
		}
	})
}
