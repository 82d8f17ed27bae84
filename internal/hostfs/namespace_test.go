package hostfs

import (
	"os"
	"path/filepath"
	"testing"
)

// TestShareNetNamespace compares processes whose links can be read, and one whose link
// cannot (EINVAL stands for EACCES, which root does not get).
func TestShareNetNamespace(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	process := func(name, link string) string {
		t.Helper()
		directory := filepath.Join(proc, name)
		for _, err := range []error{
			os.MkdirAll(filepath.Join(directory, "ns"), 0o755), os.Mkdir(filepath.Join(directory, "net"), 0o755),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		err := os.WriteFile(filepath.Join(directory, "ns/net"), nil, 0o600)
		if link != "" {
			os.Remove(filepath.Join(directory, "ns/net"))
			err = os.Symlink(link, filepath.Join(directory, "ns/net"))
		}
		if err != nil {
			t.Fatal(err)
		}
		return directory
	}
	first, second, other, denied := process("1", "net:[7]"), process("2", "net:[7]"), process("3", "net:[8]"), process("4", "")
	if id, err := NetNamespace(first); id != "7" || err != nil {
		t.Errorf("%q %v", id, err)
	}
	if !ShareNetNamespace(first, second) || ShareNetNamespace(first, other) || ShareNetNamespace(first, filepath.Join(proc, "5")) {
		t.Error("the links are not compared")
	}
	if ShareNetNamespace(first, denied) {
		t.Error("there is nothing to compare")
	}
	if err := os.WriteFile(filepath.Join(first, "net/tcp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(first, "net/tcp"), filepath.Join(denied, "net/tcp")); err != nil {
		t.Fatal(err)
	}
	if !ShareNetNamespace(first, denied) {
		t.Error("the tables are the same file")
	}
}

// TestSharePIDNamespace reads what the kernel writes of a process in one, two and no pid namespace
// of a procfs.
func TestSharePIDNamespace(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{
		"Name:\tx\nNStgid:\t9\t1\nNSpid:\t9\nNSpgid:\t9\n": true,
		"Name:\tx\nNStgid:\t9\t1\nNSpid:\t9\t1\n":          false,
		"Name:\tx\n": false,
	} {
		proc := t.TempDir()
		if SharePIDNamespace(proc) {
			t.Error("there is no process")
		}
		if err := os.Mkdir(filepath.Join(proc, "self"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, "self/status"), []byte(status), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := SharePIDNamespace(proc); got != want {
			t.Errorf("%q: %v", status, got)
		}
	}
	if !SharePIDNamespace("/proc") {
		t.Skip("/proc is another pid namespace's")
	}
}
