package generate

import (
	"bytes"
	"os"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
)

func TestFilesAreFresh(t *testing.T) {
	t.Parallel()
	files, err := Files(assets.House{})
	if err != nil || len(files) != 3 {
		t.Fatal(len(files), err)
	}
	for name, want := range files {
		if got, err := os.ReadFile("../" + name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the code says (%v): run `make assets`", name, err)
		}
	}
}
