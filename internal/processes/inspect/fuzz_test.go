package inspect

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// FuzzMemoryMap: a process lays its memory out as it likes, and names files of its own. What is found is no larger
// than what is there.
func FuzzMemoryMap(f *testing.F) {
	f.Add(newMap().put(2_396_176, rw, anonymous).code().lines.String(), 4)
	f.Add(newMap().put(266_252, rwx, "[anon:x]").code().library("/tmp/.x/libx.so (deleted)").lines.String(), 8)
	f.Add(newMap().put(datasetIn1GiB>>10, rw, "/anon_hugepage (deleted)").library("/usr/lib/jvm/x/lib/server/libjvm.so").lines.String(), 1)
	f.Add("ffffffffffffffff-0 rwxp 0 0 0\n0-ffffffffffffffff rwxp 0 00:00 0\n0-ffffffffffffffff rwxp 0 00:00 0\n", 1<<20)
	f.Add("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n", 2)
	f.Fuzz(func(t *testing.T, maps string, threads int) {
		threads &= 1<<10 - 1 // maxThreads bounds them
		var all, executable float64
		_ = forEachMapping(strings.NewReader(maps), func(m *mapping) {
			all += float64(m.size())
			if m.executable {
				executable += float64(m.size())
			}
		})
		got, _ := memoryOf(strings.NewReader(maps), threads, "/usr/bin/worker")
		shape := got.shape
		if float64(shape.KiB)*1024 > all || float64(shape.CompiledKiB)*1024 > executable {
			t.Errorf("%+v of %g bytes, %g of them executable", shape, all, executable)
		}
		if shape.Signature == "" && (shape.KiB > 0 || shape.Exact || shape.Scratchpads > 0) {
			t.Errorf("%+v", shape)
		}
		if got.foreign != "" && !strings.Contains(maps, got.foreign) {
			t.Errorf("library %q", got.foreign)
		}
		for line := range strings.Lines(maps) {
			line = strings.TrimSuffix(line, "\n")
			code, ok := parseExecutableLine([]byte(line))
			if !ok {
				continue
			}
			m, found := parseMapping([]byte(line))
			if known := len(strings.SplitN(line, " ", 3)[1]) >= 4; known && (!found || !m.executable || m.start != code.start || m.end != code.end || string(m.name) != code.name) {
				t.Errorf("%q: %+v, %+v", line, m, code)
			}
		}
	})
}

// FuzzMapping: a line is read as the kernel writes it (show_map_vma in fs/proc/task_mmu.c), whatever the file is called.
func FuzzMapping(f *testing.F) {
	f.Add(uint64(0x400000), uint64(0x1000), byte(5), "/usr/bin/x")
	f.Add(uint64(0x7f0000000000), uint64(1)<<31, byte(3), "/tmp/ a b (deleted) ")
	f.Add(uint64(0), uint64(0), byte(8), "/\u2003\r")
	f.Fuzz(func(t *testing.T, start, size uint64, flags byte, name string) {
		if start+size < start || strings.Contains(name, "\n") || name != "" && name[0] != '/' {
			t.Skip("no mapping is so")
		}
		letter := func(bit int, set, unset byte) byte {
			if flags>>bit&1 != 0 {
				return set
			}
			return unset
		}
		line := fmt.Sprintf("%08x-%08x %c%c%c%c %08x %02x:%02x %d ", start, start+size, letter(0, 'r', '-'), letter(1, 'w', '-'), letter(2, 'x', '-'), letter(3, 's', 'p'), 0, 8, 1, 77)
		if name != "" {
			line = fmt.Sprintf("%-73s%s", line, name)
		}
		want := mapping{start: start, end: start + size, executable: flags&4 != 0, shared: flags&8 != 0, reserved: flags&7 == 0, name: []byte(name)}
		got, ok := parseMapping([]byte(line))
		if !ok || got.start != want.start || got.end != want.end || got.executable != want.executable || got.shared != want.shared || got.reserved != want.reserved || !bytes.Equal(got.name, want.name) {
			t.Errorf("%q: %+v", line, got)
		}
	})
}

// FuzzStart: command line and environment lie in the memory of a process, which writes there what it likes.
func FuzzStart(f *testing.F) {
	f.Add([]byte("xmrig\x00-o\x00pool:3333\x00"), []byte("PATH=/bin\x00LD_PRELOAD=/tmp/x.so\x00LD_AUDIT=y\x00"))
	f.Add([]byte{0, 0, 0}, []byte("LD_PRELOAD=\x00LD_PRELOAD=a\x00LD_PRELOAD=b\x00"))
	f.Add([]byte("no end"), []byte("LD_PRELOAD"))
	proc := f.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "7"), 0o755); err != nil {
		f.Fatal(err)
	}
	inspector := New(proc, NewReads())
	f.Fuzz(func(t *testing.T, cmdline, environ []byte) {
		write(t, proc, "cmdline", cmdline)
		write(t, proc, "environ", environ)
		got := inspector.start(7)
		if got.argumentsErr != nil || got.environmentErr != nil {
			t.Fatal(got.argumentsErr, got.environmentErr)
		}
		cut := cmdline[:min(len(cmdline), ArgumentsLimit)]
		empty := len(bytes.Trim(cut, "\x00")) == 0
		if empty != (got.argv == nil) || got.erased != (empty && len(cut) > 1) {
			t.Errorf("%q: %q, erased %v", cut, got.argv, got.erased)
		}
		if !empty && strings.Join(got.argv, "\x00") != strings.TrimSuffix(string(cut), "\x00") {
			t.Errorf("%q: %q", cut, got.argv)
		}
		if len(got.preload) > 2*ArgumentsLimit+1 || !bytes.Contains(environ, []byte("LD_")) && got.preload != "" {
			t.Errorf("%q of %q", got.preload, environ)
		}
	})
}

// FuzzStatus: the kernel writes it, but for the name, which it escapes.
func FuzzStatus(f *testing.F) {
	f.Add([]byte("Name:\tx\nVmRSS:\t2396176 kB\nHugetlbPages:\t2129920 kB\n"))
	f.Add([]byte("Name:\tHugetlbPages: 7\n"))
	f.Add([]byte("\nHugetlbPages:"))
	proc := f.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "7"), 0o755); err != nil {
		f.Fatal(err)
	}
	inspector := New(proc, NewReads())
	f.Fuzz(func(t *testing.T, status []byte) {
		write(t, proc, "status", status)
		got, err := inspector.hugePages(7)
		cut := status[:min(len(status), statusLimit)]
		if hasLine := bytes.Contains(cut, []byte("\nHugetlbPages:")); !hasLine && (got != 0 || err != nil) || err != nil && got != 0 {
			t.Errorf("%q: %d, %v", cut, got, err)
		}
		if got != 0 && !bytes.Contains(cut, fmt.Append(nil, got)) {
			t.Errorf("%q: %d", cut, got)
		}
	})
}

// FuzzStat: whatever a process calls itself, the fields behind its name are its own, and two readers agree on them.
func FuzzStat(f *testing.F) {
	f.Add("kdevtmpfsi", uint32(812), uint32(100), uint32(582_00), []byte("7 (x) R nan inf"))
	f.Add("a) R 1 1 (b", uint32(1), uint32(0), uint32(1), []byte(")"))
	f.Add("\n\xff) ", uint32(1), uint32(7), uint32(7), []byte("7 (x) R 1 2 3 4 5 6 7 8 9 10 -1 0x7 1e300"))
	proc := f.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "7/task/7"), 0o755); err != nil {
		f.Fatal(err)
	}
	inspector := New(proc, NewReads())
	fs, err := procfs.NewFS(proc)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string, parent, user, system uint32, garbage []byte) {
		if len(name) > 1024 {
			t.Skip("no name is so long")
		}
		line := fmt.Appendf(nil, "7 (%s) R %d 7 7 0 -1 4194304 1 0 0 0 %d %d 0 0 20 0 4 0 321 0 0 0", name, parent, user, system)
		line = append(line, bytes.Repeat([]byte(" 0"), 30)...)
		write(t, proc, "task/7/stat", line)
		write(t, proc, "stat", line)
		used, err := inspector.thread(7, "7")
		if want := (float64(user) + float64(system)) / userHz; err != nil || used != want {
			t.Errorf("%q: %g, want %g: %v", line, used, want, err)
		}
		process, err := fs.Proc(7)
		if err != nil {
			t.Fatal(err)
		}
		stat, err := process.Stat()
		if err != nil || stat.UTime != uint(user) || stat.STime != uint(system) || stat.PPID != int(parent) || stat.Comm != name {
			t.Errorf("%q: %+v: %v", line, stat, err)
		}
		write(t, proc, "task/7/stat", garbage)
		if used, err := inspector.thread(7, "7"); err == nil && (used < 0 || math.IsNaN(used) || math.IsInf(used, 0)) {
			t.Errorf("%q: %g", garbage, used)
		}
	})
}

// FuzzScript: arguments decide which file is taken for what runs.
func FuzzScript(f *testing.F) {
	f.Add("/usr/bin/python3", "python3\x00-u\x00x.py", "/home/eve")
	f.Add("/usr/bin/bash", "bash\x00-\x00/dev/fd/3", "/tmp/x")
	f.Add("/usr/bin/java", "java\x00-cp\x00x\x00-jar\x00../a.jar", "/opt")
	f.Add("/lib64/ld-linux-x86-64.so.2", "ld\x00--preload\x00x\x00/dev/stdin", "")
	f.Add("/usr/bin/python3", "python3\x00-m\x00a.b", "/srv")
	f.Fuzz(func(t *testing.T, exe, line, directory string) {
		if directory != "" && (directory[0] != '/' || path.Clean(directory) != directory || strings.HasPrefix(directory, "/proc")) {
			t.Skip("no directory of a script")
		}
		var asked []string
		script := Script(exe, strings.Split(line, "\x00"), Surroundings{
			Directory:  func() string { return directory },
			Descriptor: func(number string) string { asked = append(asked, number); return "/tmp/descriptor" },
			Exists:     func(name string) bool { asked = append(asked, name); return strings.HasSuffix(name, "main__.py") },
		})
		if script != "" && (script[0] != '/' || path.Clean(script) != script) {
			t.Errorf("%q", script)
		}
		if _, ok := programs.InterpreterOf(path.Base(exe)); !ok && script != "" {
			t.Errorf("%q is no interpreter and runs %q", exe, script)
		}
		// What is asked of the host is a number of a descriptor or a path without steps upwards.
		for _, name := range asked {
			if slices.Contains(strings.Split(name, "/"), "..") || strings.HasPrefix(name, "/") && path.Clean(name) != name {
				t.Errorf("%q is asked for", name)
			}
		}
	})
}

func write(t testing.TB, proc, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(proc, "7", name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}
