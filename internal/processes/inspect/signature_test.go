package inspect

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	anonymous = "" // the name of memory that has none
	rw, rwx   = "rw-p", "rwxp"
	fast      = model.SignatureRandomXFast
	light     = model.SignatureRandomXLight
	large     = model.SignatureLarge
)

// fakeMap lays mappings out one above the other.
type fakeMap struct {
	lines strings.Builder
	next  uint64
}

// newMap is the map of a program, with what follows apart from it.
func newMap() *fakeMap {
	m := &fakeMap{next: 0x7f0000000000}
	m.lines.WriteString("00400000-00500000 r-xp 00000000 08:01 77 /usr/bin/worker\n")
	return m
}

// put adds a mapping of so many KiB right above the last.
func (m *fakeMap) put(kib uint64, flags, name string) *fakeMap {
	fmt.Fprintf(&m.lines, "%x-%x %s 00000000 00:00 0 %s\n", m.next, m.next+kib<<10, flags, name)
	m.next += kib << 10
	return m
}

// gap leaves room, so that what follows is another contiguous memory.
func (m *fakeMap) gap() *fakeMap {
	m.next += 1 << 30
	return m
}

// code adds compiled code.
func (m *fakeMap) code() *fakeMap { return m.gap().put(96, rwx, anonymous) }

// library adds one that is mapped as code.
func (m *fakeMap) library(path string) *fakeMap { return m.gap().put(1024, "r-xp", path) }

const (
	datasetKiB = 2_129_920
	cacheKiB   = 262_144
	padKiB     = 2048
)

// TestShapes holds the memory maps that were measured of RandomX, and those of what looks like it.
func TestShapes(t *testing.T) {
	t.Parallel()
	const threads = 4
	for _, test := range []struct {
		name        string
		maps        *fakeMap
		want        model.MemorySignature
		kib         uint64
		scratchpads int
		exact       bool
	}{
		{"reference benchmark, fast", newMap().put(2_129_924, rw, anonymous).code(), fast, 2_129_924, 0, true},
		{"xmrig in the incident", newMap().put(2_396_176, rw, anonymous).code(), fast, 2_396_176, 2, true},
		{"xmrig by mmap", newMap().put(2_396_160, rw, anonymous).code(), fast, 2_396_160, 2, false},
		{"xmrig, all of it executable", newMap().put(2_396_176, rwx, anonymous), fast, 2_396_176, 2, true},
		{"dataset alone", newMap().put(datasetKiB, rw, anonymous), fast, datasetKiB, 0, true},
		{"dataset, cache and scratchpads apart", newMap().put(datasetKiB+4, rw, anonymous).gap().put(cacheKiB+4, rw, anonymous).gap().put(padKiB+4, rw, anonymous), fast, datasetKiB + 4, 0, true},
		{"shared anonymous", newMap().put(datasetKiB, "rw-s", "/dev/zero (deleted)").code(), fast, datasetKiB, 0, false},
		{"memfd", newMap().put(datasetKiB, "rw-s", "/memfd:x (deleted)").code(), fast, datasetKiB, 0, false},
		{"memfd with blanks in its name", newMap().put(datasetKiB, "rw-s", "/memfd: (deleted) x (deleted)").code(), fast, datasetKiB, 0, false},
		{"SysV", newMap().put(datasetKiB, "rw-s", "/SYSV00000000 (deleted)").code(), fast, datasetKiB, 0, false},
		{"file in memory", newMap().put(datasetKiB, "rw-s", "/dev/shm/.x").code(), fast, datasetKiB, 0, false},
		{"deleted file", newMap().put(datasetKiB, "rw-s", "/var/tmp/x (deleted)").code(), fast, datasetKiB, 0, false},
		{"named", newMap().put(datasetKiB, rw, "[anon:pool]"), fast, datasetKiB, 0, true},
		{"one page changed by mprotect", newMap().put(1_000_000, rw, anonymous).put(4, "r--p", anonymous).put(datasetKiB-1_000_004, rw, anonymous), fast, datasetKiB, 0, true},
		{"beside other memory", newMap().put(8192, rwx, anonymous).put(datasetKiB, rw, anonymous).put(100, rwx, anonymous), fast, datasetKiB, 0, true},
		{"behind a guard page", newMap().put(4, "---p", anonymous).put(datasetKiB, rw, anonymous), fast, datasetKiB, 0, true},
		{"in pages of 2 MiB", newMap().put(datasetKiB, rw, "/anon_hugepage (deleted)"), fast, datasetKiB, 0, true},
		{"in pages of 1 GiB", newMap().put(3<<20, rw, "/anon_hugepage (deleted)"), fast, 3 << 20, 0, false},
		{"padded by 5 MiB", newMap().put(datasetKiB+5*1024, rw, anonymous).code(), large, datasetKiB + 5*1024, 0, false},
		{"more scratchpads than threads", newMap().put(datasetKiB+20*padKiB, rw, anonymous).code(), large, datasetKiB + 20*padKiB, 0, false},
		{"heap of a Go program, which grows by 4 MiB", (&fakeMap{next: goHeap}).put(datasetKiB, rw, anonymous), fast, datasetKiB, 0, false},
		{"benign: padded, and no code", newMap().put(datasetKiB+5*1024, rw, anonymous), "", 0, 0, false},
		{"benign: reserve", newMap().put(datasetKiB, "---p", anonymous).code(), "", 0, 0, false},
		{"benign: stacks of 260 threads", stacks(260), "", 0, 0, false},
		{"benign: 2,000 MiB", newMap().put(2000<<10, rw, anonymous).code(), "", 0, 0, false},
		{"benign: a file of that size", newMap().put(datasetKiB, rw, "/var/lib/data.bin").code(), "", 0, 0, false},
		{"light, merged", newMap().put(266_252, rw, anonymous).code(), light, 266_252, 2, false},
		{"reference benchmark, light", newMap().put(264_200, rw, anonymous).code(), light, 264_200, 1, false},
		{"light, apart", newMap().put(cacheKiB, rw, anonymous).gap().put(4*padKiB, rw, anonymous).code(), light, cacheKiB, 4, false},
		{"light, executable cache", newMap().put(cacheKiB, rwx, anonymous).gap().put(padKiB+4, rw, anonymous), light, cacheKiB, 1, false},
		{"light, shared", newMap().put(cacheKiB+padKiB, "rw-s", "/dev/zero (deleted)").code(), light, cacheKiB + padKiB, 1, false},
		{"benign: light without compiled code", newMap().put(266_252, rw, anonymous), "", 0, 0, false},
		{"benign: light with little of it", newMap().put(266_252, rw, anonymous).gap().put(16, rwx, anonymous), "", 0, 0, false},
		{"benign: a cache and no scratchpads", newMap().put(cacheKiB, rw, anonymous).code(), "", 0, 0, false},
		{"benign: 260 MiB less a page", newMap().put(266_236, rw, anonymous).code(), "", 0, 0, false},
	} {
		got, err := shapeOf(strings.NewReader(test.maps.lines.String()), threads)
		if err != nil || got.Signature != test.want || got.KiB != test.kib || got.Scratchpads != test.scratchpads || got.Exact != test.exact {
			t.Errorf("%s: %+v (%v)", test.name, got, err)
		}
		if got.Shared != strings.Contains(test.maps.lines.String(), "rw-s") && got.Signature != "" {
			t.Errorf("%s: shared %t", test.name, got.Shared)
		}
	}
}

// stacks are those of so many threads, of 8 MiB each with a guard page: 260 of them make a dataset.
func stacks(count int) *fakeMap {
	m := newMap()
	for range count {
		m.put(4, "---p", anonymous).put(8<<10, rw, anonymous)
	}
	return m.code()
}

// TestEngines holds which mapped file is taken for a compiler.
func TestEngines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		flags, path string
		engine      string
		runtime     bool
	}{
		{"r-xp", "/usr/lib/jvm/lib/server/libjvm.so", "/usr/lib/jvm/lib/server/libjvm.so", true},
		{"r-xp", "/usr/lib/jvm/lib/server/libjvm.so (deleted)", "/usr/lib/jvm/lib/server/libjvm.so", true},
		{"r-xp", "/snap/node/1/bin/node", "/snap/node/1/bin/node", true},
		{"r-xp", "/home/alice/.sdkman/candidates/java/21/lib/server/libjvm.so", "/home/alice/.sdkman/candidates/java/21/lib/server/libjvm.so", true},
		{"r-xp", "/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0", "/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0", false},
		{"r--p", "/usr/lib/jvm/lib/server/libjvm.so", "", false},
		{"r-xp", "/tmp/libjvm.so", "", false},
		{"r-xp", "/dev/shm/libjvm.so", "", false},
		{"r-xp", "/home/alice/libjvm.so (deleted)", "", false},
		{"r-xp", "/home/alice/.libjvm.so/x", "", false},
		{"r-xp", "/memfd:node (deleted)", "", false},
		{"r-xp", "/usr/bin/worker", "", false},
	} {
		got, err := shapeOf(strings.NewReader(newMap().put(datasetKiB, rw, anonymous).gap().put(64, test.flags, test.path).lines.String()), 1)
		if err != nil || got.Engine != test.engine || got.Runtime != test.runtime {
			t.Errorf("%s %s: %+v (%v)", test.flags, test.path, got, err)
		}
	}
	both := newMap().put(datasetKiB, rw, anonymous).library("/usr/lib/libpcre2-8.so.0").library("/usr/lib/libjvm.so").library("/usr/lib/libLLVM.so")
	if got, err := shapeOf(strings.NewReader(both.lines.String()), 1); err != nil || got.Engine != "/usr/lib/libjvm.so" {
		t.Errorf("%+v (%v)", got, err)
	}
}

func TestGarbledMaps(t *testing.T) {
	t.Parallel()
	for _, maps := range []string{"\x00\xff\n- - -\nzz-yy rw\n" + strings.Repeat("x", 5000) + "\n", "7f00-7e00 rw-p 0 0 0\n", "0-ffffffffffffffff rw-p 0 0 0\n0-ffffffffffffffff r\n"} {
		if got, err := shapeOf(strings.NewReader(maps), 1<<20); err != nil || got.Signature != "" {
			t.Errorf("%q: %+v, %v", maps, got, err)
		}
	}
}

// BenchmarkManyMappings reads a map that is made to be expensive.
func BenchmarkManyMappings(b *testing.B) {
	m := newMap()
	for i := range 60_000 {
		m.put(64<<10, []string{rw, rwx}[i%2], anonymous)
		if i%maxPieces == 0 {
			m.gap()
		}
	}
	maps := m.lines.String()
	for b.Loop() {
		if _, err := shapeOf(strings.NewReader(maps), 256); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOwnMemory takes memory as RandomX may take it, and reads this process' own map. Little of
// it is used: how much is, is for the rule to judge.
func TestOwnMemory(t *testing.T) { // not parallel: it looks at the memory of the whole process
	const all = datasetBytes + cacheBytes + 2*scratchpadBytes
	const plain = unix.MAP_ANON | unix.MAP_PRIVATE | unix.MAP_NORESERVE
	for name, take := range map[string]func(address uintptr) error{
		"private": func(at uintptr) error { return mapAt(at, all, plain, -1) },
		"as malloc takes it, one by one, and merged": func(at uintptr) error {
			for _, size := range []uintptr{datasetBytes, cacheBytes, scratchpadBytes, scratchpadBytes} {
				size += uintptr(os.Getpagesize())
				if err := mapAt(at, size, plain, -1); err != nil {
					return err
				}
				at += size
			}
			return nil
		},
		"shared": func(at uintptr) error { return mapAt(at, all, unix.MAP_ANON|unix.MAP_SHARED|unix.MAP_NORESERVE, -1) },
		"memfd": func(at uintptr) error {
			file, err := unix.MemfdCreate("data", unix.MFD_CLOEXEC)
			if err != nil {
				return err
			}
			defer func() { _ = unix.Close(file) }()
			if err := unix.Ftruncate(file, all); err != nil {
				return err
			}
			return mapAt(at, all, unix.MAP_SHARED|unix.MAP_NORESERVE, file)
		},
		"SysV": func(at uintptr) error {
			id, err := unix.SysvShmGet(unix.IPC_PRIVATE, all, unix.IPC_CREAT|0o600|0o10000) // SHM_NORESERVE of shmget(2)
			if err != nil {
				return err
			}
			_, _, errno := unix.Syscall(unix.SYS_SHMAT, uintptr(id), at, 0o40000) // SHM_REMAP: the room is taken
			_, err = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
			if errno != 0 {
				return errno
			}
			return err
		},
		"split by mprotect": func(at uintptr) error {
			if err := mapAt(at, all, plain, -1); err != nil {
				return err
			}
			_, _, errno := unix.Syscall(unix.SYS_MPROTECT, at+1<<30, uintptr(os.Getpagesize()), unix.PROT_READ)
			if errno != 0 {
				return errno
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			// The room around it holds nothing, so that nothing is merged with it.
			const around = 1 << 20
			room, err := unix.Mmap(-1, 0, all+2*around, unix.PROT_NONE, plain)
			if err != nil {
				t.Skip("no address space: ", err)
			}
			defer func() {
				if err := unix.Munmap(room); err != nil {
					t.Error(err)
				}
			}()
			if err := take(address(room) + around); err != nil {
				t.Fatal(err)
			}
			maps, err := os.Open("/proc/self/maps")
			if err != nil {
				t.Fatal(err)
			}
			defer maps.Close()
			want := uint64(all >> 10)
			if strings.HasPrefix(name, "as malloc") {
				want += uint64(4 * os.Getpagesize() >> 10)
			}
			got, err := shapeOf(maps, 4)
			if err != nil || got.Signature != fast || got.KiB != want || got.Scratchpads != 2 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// mapAt maps memory at an address, instead of what is there.
func mapAt(address, size uintptr, flags, file int) error {
	_, _, errno := unix.Syscall6(unix.SYS_MMAP, address, size, unix.PROT_READ|unix.PROT_WRITE, uintptr(flags|unix.MAP_FIXED), uintptr(file), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func address(memory []byte) uintptr { return uintptr(unsafe.Pointer(&memory[0])) }

// shapeOf is memoryOf without its libraries.
func shapeOf(maps io.Reader, threads int) (model.MemoryShape, error) {
	found, err := memoryOf(maps, threads, "")
	return found.shape, err
}
