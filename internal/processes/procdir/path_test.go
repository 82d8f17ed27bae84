package procdir

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

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
		proc := t.TempDir()
		for pid, content := range map[string]string{"1": hosts, "10": hosts + test.mounts} {
			if err := os.Mkdir(filepath.Join(proc, pid), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(proc, pid, "mountinfo"), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r := &Reader{Proc: proc}
		got, err := r.source(10, Executable{Path: test.exe, File: model.FileID{Dev: 1, Inode: 1}}, root)
		if err != nil || got != test.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, test.want)
		}
	}
}
