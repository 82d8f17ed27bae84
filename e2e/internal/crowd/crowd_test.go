package crowd

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestExecutable(t *testing.T) {
	t.Parallel()
	for _, architecture := range []string{"amd64", "arm64"} {
		code, err := codeFor(architecture)
		if err != nil {
			t.Fatal(err)
		}
		for _, instructions := range [][]byte{code.sleeps, code.ends} {
			content := executable(code.machine, instructions)
			file, err := elf.NewFile(bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			if len(file.Progs) != 1 || file.Machine != code.machine || len(content) > 200 {
				t.Errorf("%s: %d segments, %s, %d bytes", architecture, len(file.Progs), file.Machine, len(content))
			}
			segment := file.Progs[0]
			entry := make([]byte, len(instructions))
			if _, err := segment.ReadAt(entry, int64(file.Entry-segment.Vaddr)); err != nil || !bytes.Equal(entry, instructions) {
				t.Errorf("%s: %x at the entry, %v", architecture, entry, err)
			}
		}
	}
	if _, err := codeFor("riscv64"); err == nil {
		t.Error("there is no code for it")
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "short")
	if err := WriteShort(path); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(path).Run(); err != nil {
		t.Error(err)
	}
}

func TestCrowd(t *testing.T) {
	t.Parallel()
	c, err := New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, count := range []int{2, Programs + 1} {
		if err := c.Grow(t.Context(), count); err != nil {
			t.Error(err)
		}
		if c.Count() != count {
			t.Errorf("%d of %d", c.Count(), count)
		}
	}
	pids := c.pids
	if program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pids[Programs])); err != nil || program != c.program(0) {
		t.Errorf("the last runs %q, %v", program, err)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err != nil {
			t.Errorf("pid %d: %v", pid, err)
		}
	}
	if err := c.End(); err != nil {
		t.Error(err)
	}
	for _, pid := range pids {
		if group, err := syscall.Getpgid(pid); err == nil && group == pids[0] {
			t.Errorf("pid %d is still there", pid)
		}
	}
	if _, err := os.Stat(c.directory); !os.IsNotExist(err) {
		t.Errorf("the programs: %v", err)
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	usual := map[string]string{
		"proc/loadavg":                         "0.1 0.2 0.3 1/300 4711\n",
		"proc/sys/kernel/pid_max":              "32768\n",
		"proc/sys/kernel/threads-max":          "192730\n",
		"proc/self/cgroup":                     "8:pids:/a/b\n0::/\n",
		"proc/meminfo":                         "MemFree: 1 kB\nMemAvailable:   4000000 kB\n",
		"sys/fs/cgroup/pids/a/b/pids.max":      "max\n",
		"sys/fs/cgroup/pids/a/b/pids.current":  "7\n",
		"sys/fs/cgroup/unified/a/cgroup.procs": "",
	}
	for name, test := range map[string]struct {
		changed map[string]string
		more    int
		says    string // "" means that there is room
	}{
		"room":               {nil, 30_000, ""},
		"pid_max":            {nil, 32_000, "kernel.pid_max is 32768, but 32800 are needed"},
		"threads-max":        {map[string]string{"proc/sys/kernel/threads-max": "1000"}, 900, "kernel.threads-max"},
		"group above":        {map[string]string{"sys/fs/cgroup/pids/a/pids.max": "4915", "sys/fs/cgroup/pids/a/pids.current": "20"}, 5000, "pids.max of "},
		"memory":             {map[string]string{"proc/meminfo": "MemAvailable: 1000 kB"}, 100, "MB of memory"},
		"no number of tasks": {map[string]string{"proc/loadavg": "0.1"}, 1, "number of tasks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for _, files := range []map[string]string{usual, test.changed} {
				for path, content := range files {
					path = filepath.Join(root, path)
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			err := Room(root, test.more)
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

func TestSpawn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "short")
	if err := WriteShort(path); err != nil {
		t.Fatal(err)
	}
	for _, perSecond := range []int{0, 1000} {
		s, err := Spawn(t.Context(), path, perSecond, 20)
		if err != nil || s.Count != 20 || s.Busy <= 0 || s.Busy > s.Elapsed || s.PerSecond() <= 0 {
			t.Errorf("%+v, %v", s, err)
		}
		if perSecond > 0 && s.PerSecond() > 1.1*float64(perSecond) {
			t.Errorf("%v a second, want at most %d", s.PerSecond(), perSecond)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if s, err := Spawn(ended, path, 0, 0); err != nil || s.Count != 0 || s.PerSecond() != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Spawn(t.Context(), "/bin/false", 0, 1); err == nil {
		t.Error("it ends with 1")
	}
	if _, err := Spawn(t.Context(), filepath.Join(path, "none"), 0, 1); err == nil {
		t.Error("it is not there")
	}
}
