package passwd

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	names := New(root)
	if err := names.Refresh(); err == nil {
		t.Error("Refresh without a passwd file gave no error")
	}
	if got := names.Name(1000); got != "1000" {
		t.Errorf("without a file: got %q, want the number", got)
	}
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	passwd := "root:x:0:0::/root:/bin/sh\n" +
		"broken line\n:x:5:5::/:\n" +
		"flink:x:9999:9999::/opt/flink:/bin/sh\n" +
		"second:x:9999:9999::/:/bin/sh\n" +
		"huge:x:99999999999:0::/:/bin/sh\n"
	if err := os.WriteFile(filepath.Join(root, "etc/passwd"), []byte(passwd), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := names.Refresh(); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[uint32]string{0: "root", 9999: "flink", 5: "5", 1: "1"} {
		if got := names.Name(uid); got != want {
			t.Errorf("Name(%d) = %q, want %q", uid, got, want)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("renamed:x:9999:0::/:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := names.Refresh(); err != nil {
		t.Fatal(err)
	}
	if got := names.Name(9999); got != "renamed" {
		t.Errorf("after a change: got %q, want renamed", got)
	}
}
