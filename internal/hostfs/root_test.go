package hostfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// fixture is a root with a file, links that stay in it and links that lead out.
func fixture(t *testing.T) string {
	t.Helper()
	outside := t.TempDir()
	root := filepath.Join(outside, "root")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(root, "opt/log"), 0o755),
		os.WriteFile(filepath.Join(root, "opt/log/a"), []byte("inside"), 0o600),
		os.WriteFile(filepath.Join(outside, "secret"), []byte("outside"), 0o600),
		os.Symlink("/opt/log/a", filepath.Join(root, "absolute")),
		os.Symlink("../../../../secret", filepath.Join(root, "opt/log/out")),
		unix.Mkfifo(filepath.Join(root, "fifo"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRegular(t *testing.T) {
	t.Parallel()
	root := fixture(t)
	for _, plain := range []bool{false, true} {
		r, err := OpenRoot(root)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if plain {
			r.Plain()
		}
		for name, want := range map[string]error{
			"/opt/log/a": nil, "opt/log/../log/a": nil, "/fifo": ErrKind, "/opt": ErrKind, "/none": os.ErrNotExist, "/opt/log/out": os.ErrNotExist,
		} {
			if plain && name == "/opt/log/out" {
				want = ErrKind // a link is not followed there
			}
			file, err := r.Regular(name)
			if !errors.Is(err, want) {
				t.Errorf("plain %v: %s: %v, want %v", plain, name, err, want)
			}
			if err == nil {
				if content, err := io.ReadAll(file); err != nil || string(content) != "inside" {
					t.Errorf("%s: %q, %v", name, content, err)
				}
				file.Close()
			}
		}
		file, err := r.Regular("/absolute")
		if plain != (err != nil) {
			t.Errorf("plain %v: a link within the root: %v", plain, err)
		}
		if err == nil {
			file.Close()
		}
	}
}

func TestOpenFailsWithoutADirectory(t *testing.T) {
	t.Parallel()
	if _, err := OpenRoot(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestLocal: a root on a local file system is taken. A remote one cannot be mounted here.
func TestLocal(t *testing.T) {
	t.Parallel()
	r, err := OpenRoot(fixture(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Local(); err != nil {
		t.Errorf("got %v", err)
	}
}
