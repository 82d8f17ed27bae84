package hostfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestOpenLocal(t *testing.T) {
	t.Parallel()
	root := fixture(t)
	for name, want := range map[string]error{
		"opt/log/a": nil, "fifo": ErrKind, "opt": ErrKind, "none": os.ErrNotExist,
	} {
		file, err := OpenLocal(filepath.Join(root, name))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err != nil {
			continue
		}
		if content, err := io.ReadAll(file); err != nil || string(content) != "inside" {
			t.Errorf("%s: %q, %v", name, content, err)
		}
		file.Close()
	}
	if _, err := OpenLocal("/dev/null"); !errors.Is(err, ErrKind) {
		t.Errorf("a device: %v", err)
	}
}
