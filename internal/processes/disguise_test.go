package processes

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestSourceIsAsked puts a process into a mount namespace of its own, and one into a
// container.
func TestSourceIsAsked(t *testing.T) {
	t.Parallel()
	const exe, container = "/usr/bin/env", "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	if _, err := os.Lstat(exe); err != nil {
		t.Skip("no " + exe + " here")
	}
	proc := newFakeProc(t)
	proc.put(fakeProcess{pid: 1, start: 0, comm: "init", exe: "/usr/bin/init"})
	proc.enter("1", "mnt", "mnt:[1]")
	for _, p := range []fakeProcess{{pid: 10, cgroup: "/user.slice"}, {pid: 11, cgroup: container}} {
		p.start, p.comm, p.exe = 1, "env", exe
		proc.put(p)
		proc.enter(strconv.Itoa(p.pid), "mnt", "mnt:[7]")
		proc.write(strconv.Itoa(p.pid)+"/mountinfo", "90 80 0:99 / /usr/bin rw - tmpfs tmpfs rw\n")
	}
	sensor, err := New(Options{Proc: proc.root, Root: t.TempDir()}) // a host without the program
	if err != nil {
		t.Fatal(err)
	}
	snapshot := sampleAt(t, sensor, 100)
	if got := processOf(t, snapshot, 10).ExeSource; got != "tmpfs" {
		t.Errorf("%q, want tmpfs", got)
	}
	if got := processOf(t, snapshot, 11).ExeSource; got != "" {
		t.Errorf("%q: a container has a file system of its own", got)
	}
}

// TestCopyOf knows a copy of an installed program in memory, and what only bears its
// name.
func TestCopyOf(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file of root's")
	}
	root := t.TempDir()
	install := func(name, content string, mode os.FileMode) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	install("usr/bin/lxc-attach", "attach", 0o755)
	install("usr/bin/python3", "python", 0o755)
	install("usr/bin/open", "opened", 0o777)
	for name, test := range map[string]struct {
		content, argument, want string
	}{
		"a copy":                   {"attach", "lxc-attach", "/usr/bin/lxc-attach"},
		"a copy by its path":       {"attach", "/usr/bin/lxc-attach", "/usr/bin/lxc-attach"},
		"another content":          {"hcatta", "lxc-attach", ""},
		"a copy of an interpreter": {"python", "python3", ""},
		"a file that others write": {"opened", "open", ""},
		"a path that climbs":       {"attach", "/usr/bin/../bin/lxc-attach", ""},
		"a name that nothing has":  {"attach", "nothing", ""},
		"no arguments":             {"attach", "", ""},
	} {
		proc := newFakeProc(t)
		proc.put(fakeProcess{pid: 10, start: 1, comm: "x", exe: "/memfd:x (deleted)", argv: []string{test.argument}})
		sensor, err := New(Options{Proc: proc.root, Root: root})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "content")
		if err := os.WriteFile(file, []byte(test.content), 0o755); err != nil {
			t.Fatal(err)
		}
		s := newSample(sensor.table, after(100), time.Second)
		var stat unix.Stat_t
		if err := unix.Stat(file, &stat); err != nil {
			t.Fatal(err)
		}
		content, err := sensor.contents.ReadSame(file, hostfs.ContentKeyOf(&stat))
		if err != nil {
			t.Fatal(err)
		}
		e := &entry{content: hostfs.ContentKeyOf(&stat)}
		e.process = &model.Process{Exe: "/memfd:x", Origin: model.OriginMemfd, SHA256: content.SHA256, Argv: []string{test.argument}}
		s.findCopy(e)
		if e.process.CopyOf != test.want {
			t.Errorf("%s: %q, want %q", name, e.process.CopyOf, test.want)
		}
	}
}
