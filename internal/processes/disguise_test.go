package processes

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestReplaced holds an update of a program in a home to what only deletes itself.
func TestReplaced(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, file := range []string{
		"home/alice/bin/tool", "home/alice/.vscode-server/bin/new/node", "home/alice/.nvm/versions/node/v20/bin/node",
		"home/alice/kept/bin/other", "home/bob/x",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(root, "home/alice/fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"/home/alice/bin/tool":                          true,
		"/home/alice/.vscode-server/bin/old/node":       true,
		"/home/alice/.nvm/versions/node/v18/bin/node":   true,
		"/home/alice/.nvm/versions/node/v18/bin/python": false,
		"/home/alice/kept/bin/miner":                    false, // its directory is still there
		"/home/alice/x":                                 false, // another user has a file of that name
		"/home/alice/fifo/a/b":                          false,
		"/x":                                            false,
	} {
		if got := isReplaced(root, name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestSource says what lies behind a path that only one mount namespace has.
func TestSource(t *testing.T) {
	t.Parallel()
	const hosts = "20 1 254:0 / / rw - ext4 /dev/vda rw\n" +
		"21 20 254:1 / /home rw - ext4 /dev/vdb rw\n" +
		"22 20 0:30 / /tmp rw - tmpfs tmpfs rw\n"
	root := t.TempDir() // of the host, without the programs
	for name, test := range map[string]struct {
		mounts, exe, want string
	}{
		"tmpfs over a system path":      {"90 80 0:99 / /usr/local/bin rw - tmpfs tmpfs rw\n", "/usr/local/bin/helper", "tmpfs"},
		"a file of /var/tmp bound":      {"90 80 254:0 /var/tmp/x /usr/local/bin/helper rw - ext4 /dev/vda rw\n", "/usr/local/bin/helper", "/var/tmp/x"},
		"a directory of /home bound":    {"90 80 254:1 /alice/.local/share/flatpak/rt /usr ro - ext4 /dev/vdb ro\n", "/usr/bin/python3", "/home/alice/.local/share/flatpak/rt/bin/python3"},
		"a directory of /tmp's tmpfs":   {"90 80 0:30 /d\\040e /opt/x rw - tmpfs tmpfs rw\n", "/opt/x/y", "tmpfs"},
		"overlay that is written there": {"90 80 0:77 / /usr/local rw - overlay o rw,lowerdir=/usr/local,upperdir=/dev/shm/u,workdir=/dev/shm/w\n", "/usr/local/bin/helper", "/dev/shm/u"},
		"overlay of a runtime":          {"90 80 0:77 / / rw - overlay o rw,lowerdir=/l,upperdir=/var/lib/containers/u\n", "/usr/local/bin/helper", ""},
		"a file system of its own":      {"90 80 7:3 / /usr ro - squashfs /dev/loop3 ro\n", "/usr/bin/x", ""},
		"garbage beside it":             {"x\n1 2 3\n90 80 0:99 / /usr/local/bin rw - tmpfs tmpfs rw\n\xff - - -\n", "/usr/local/bin/helper", "tmpfs"},
	} {
		proc := newFakeProc(t)
		proc.write("1/mountinfo", hosts)
		proc.write("10/mountinfo", hosts+test.mounts)
		r := &reader{proc: proc.root}
		got, err := r.source(10, executable{path: test.exe, file: model.FileID{Dev: 1, Inode: 1}}, root)
		if err != nil || got != test.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, test.want)
		}
	}
}

// TestSourceIsAsked puts a process into a mount namespace of its own, and one into a
// container.
func TestSourceIsAsked(t *testing.T) {
	t.Parallel()
	const exe, container = "/usr/bin/env", "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	if !exists(exe) {
		t.Skip("no " + exe + " here")
	}
	proc := newFakeProc(t)
	proc.put(fakeProcess{pid: 1, start: 0, comm: "init", exe: "/usr/bin/init"})
	proc.enter("1", "mnt", "mnt:[1]")
	for _, p := range []fakeProcess{{pid: 10, cgroup: "/user.slice"}, {pid: 11, cgroup: container}} {
		p.start, p.comm, p.exe = 1, "env", exe
		proc.put(p)
		proc.enter(decimal(p.pid), "mnt", "mnt:[7]")
		proc.write(decimal(p.pid)+"/mountinfo", "90 80 0:99 / /usr/bin rw - tmpfs tmpfs rw\n")
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
		s := newSample(sensor.table, after(100), 1)
		var stat unix.Stat_t
		if err := unix.Stat(file, &stat); err != nil {
			t.Fatal(err)
		}
		content, err := sensor.contents.ReadSame(file, hostfs.ContentKeyOf(&stat))
		if err != nil {
			t.Fatal(err)
		}
		e := &entry{content: hostfs.ContentKeyOf(&stat)}
		e.process = model.Process{Exe: "/memfd:x", Origin: model.OriginMemfd, SHA256: content.SHA256, Argv: []string{test.argument}}
		s.findCopy(e)
		if e.process.CopyOf != test.want {
			t.Errorf("%s: %q, want %q", name, e.process.CopyOf, test.want)
		}
	}
}
