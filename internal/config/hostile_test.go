package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWhatIsNoConfiguration: each is refused with a reason, and none is waited for.
func TestWhatIsNoConfiguration(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	fifo := filepath.Join(directory, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	large := write("large", "")
	if err := os.Truncate(large, 100<<20); err != nil {
		t.Fatal(err)
	}
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		anchor := string(rune('a' + i))
		before := "a0"
		if i > 0 {
			before = string(rune('a'+i-1)) + "1"
		}
		bomb += anchor + "1: &" + anchor + "1 [" + strings.Repeat("*"+before+", ", 10) + "]\n"
	}
	for name, path := range map[string]string{
		"no file": filepath.Join(directory, "missing"), "a directory": directory, "a FIFO": fifo, "a device": "/dev/zero", "100 MB": large,
		"garbage": write("garbage", "\x00\xff{[}&*!"), "an alias bomb": write("bomb", bomb), "deep": write("deep", strings.Repeat("[", 1<<20)),
		"deep maps": write("maps", strings.Repeat("{a: ", 1<<18)),
	} {
		if _, err := Load(path); err == nil || len(err.Error()) > 4096 {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	if link := filepath.Join(directory, "link"); os.Symlink(write("good", "probe: false\n"), link) != nil {
		t.Error("no link")
	} else if _, err := Load(link); err != nil { // as Kubernetes gives one
		t.Errorf("a link to a file: %v", err)
	}
}
