package main

import (
	"bytes"
	"os"
	"testing"
)

func TestFilesAreFresh(t *testing.T) {
	t.Parallel()
	for _, d := range dashboards() {
		want, err := d.encode()
		if err != nil {
			t.Fatal(err)
		}
		name := "../" + d.UID + ".json"
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the code says (%v): run `make dashboards`", name, err)
		}
	}
}
