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
