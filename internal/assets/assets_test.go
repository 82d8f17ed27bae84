package assets

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func folders(content string) []Folder {
	return []Folder{
		{"rules", map[string][]byte{"a.yml": []byte(content), "pages/a.md": []byte("page")}},
		{"boards", map[string][]byte{"b.json": []byte("{}")}},
	}
}

// tree tells every file below a directory: its mode and its content.
func tree(t *testing.T, directory string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		state, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(directory, path)
		found[name] = state.Mode().String()
		if entry.Type().IsRegular() {
			content, err := os.ReadFile(path)
			found[name] += " " + string(content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Not parallel: the umask is the process's.
func TestWriteAndUpgrade(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	directory := filepath.Join(t.TempDir(), "made", "here")
	var out strings.Builder
	if err := Write(directory, folders("old"), &out); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "rules", "own.yml"), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := Write(directory, folders("new"), &out); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		".": "drwxr-xr-x", "here": "drwxr-xr-x", "here/rules": "drwxr-xr-x", "here/rules/pages": "drwxr-xr-x", "here/boards": "drwxr-xr-x",
		"here/rules/a.yml": "-rw-r--r-- new", "here/rules/pages/a.md": "-rw-r--r-- page", "here/rules/own.yml": "-rw------- theirs",
		"here/boards/b.json": "-rw-r--r-- {}",
	}
	if diff := cmp.Diff(want, tree(t, filepath.Dir(directory))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if lines := "wrote " + directory + "/rules/a.yml\nwrote " + directory + "/rules/pages/a.md\nwrote " + directory + "/boards/b.json\n"; out.String() != lines {
		t.Errorf("it says %q, want %q", out.String(), lines)
	}
}

// TestRefusals: nothing is changed, and the error names what is in the way.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(directory string) error
		names   string
	}{
		"directory is a link":       {func(d string) error { return os.Symlink(filepath.Dir(d), d) }, "assets is a symbolic link"},
		"directory is a file":       {func(d string) error { return os.WriteFile(d, nil, 0o600) }, "assets is there and is not a directory"},
		"directory is a fifo":       {func(d string) error { return syscall.Mkfifo(d, 0o600) }, "assets is there and is not a directory"},
		"directory below is a link": {func(d string) error { return errors.Join(os.Mkdir(d, 0o755), os.Symlink("/", d+"/boards")) }, "boards is a symbolic link"},
		"directory below is a file": {func(d string) error { return errors.Join(os.Mkdir(d, 0o755), os.WriteFile(d+"/boards", nil, 0o600)) }, "boards is there"},
		"file is a link": {func(d string) error {
			return errors.Join(os.MkdirAll(d+"/boards", 0o755), os.Symlink("x", d+"/boards/b.json"))
		}, "b.json is there"},
		"file is a directory": {func(d string) error { return os.MkdirAll(d+"/boards/b.json", 0o755) }, "b.json is there"},
		"file is a fifo": {func(d string) error {
			return errors.Join(os.MkdirAll(d+"/boards", 0o755), syscall.Mkfifo(d+"/boards/b.json", 0o600))
		}, "b.json is there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			above := t.TempDir()
			directory := filepath.Join(above, "assets")
			if err := test.prepare(directory); err != nil {
				t.Fatal(err)
			}
			before := tree(t, above)
			var out strings.Builder
			err := Write(directory, folders("new"), &out)
			if err == nil || !strings.Contains(err.Error(), test.names) || !strings.Contains(err.Error(), directory) {
				t.Errorf("the error is %v, want one with %q below %s", err, test.names, directory)
			}
			if diff := cmp.Diff(before, tree(t, above)); diff != "" || out.Len() > 0 {
				t.Errorf("it changed something (-before +after):\n%s%s", diff, &out)
			}
		})
	}
}

// TestCannotWrite: a file system that takes no more leaves no trace, not even of
// the directories that were made. The kernel's limit on the size of a file stands
// for a full disk. Not parallel: the limit is the process's.
func TestCannotWrite(t *testing.T) {
	above := t.TempDir()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limited := syscall.Rlimit{Cur: 1000, Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		t.Fatal(err)
	}
	large := []Folder{{"rules", map[string][]byte{"a.yml": []byte("small"), "b.yml": make([]byte, 2000)}}}
	var out strings.Builder
	err := Write(filepath.Join(above, "made", "here"), large, &out)
	if undo := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); undo != nil {
		t.Fatal(undo)
	}
	if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "made/here/rules/b.yml") {
		t.Errorf("the error is %v, want one that names b.yml and EFBIG", err)
	}
	if diff := cmp.Diff(map[string]string{".": "drwxr-xr-x"}, tree(t, above)); diff != "" || out.Len() > 0 {
		t.Errorf("it left something (-want +got):\n%s%s", diff, &out)
	}
}

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestCannotTell: who cannot be told is an error, and all is written.
func TestCannotTell(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if err := Write(directory, folders("x"), full{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(directory, "boards", "b.json")); err != nil {
		t.Error(err)
	}
}
