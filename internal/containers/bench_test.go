package containers

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkNames looks 1,000 containers of Docker up, and sees once a minute that nothing has changed.
func BenchmarkNames(b *testing.B) {
	root := b.TempDir()
	content, err := os.ReadFile("testdata/host/var/lib/docker/containers/" + dockers + "/config.v2.json")
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		directory := filepath.Join(root, "var/lib/docker/containers", fmt.Sprintf("%064x", i))
		if err := os.MkdirAll(directory, 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, "config.v2.json"), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	known := func() *Names {
		names := patient(Options{Root: root})
		for i := range 1000 {
			names.Begin(time.Unix(1, 0))
			names.Of(fmt.Sprintf("/docker/%064x", i))
		}
		return names
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			known()
		}
	})
	b.Run("again", func(b *testing.B) {
		names, now := known(), time.Unix(1, 0)
		for b.Loop() {
			now = now.Add(cycle)
			for range 1000/maxLookups + 1 {
				names.Begin(now)
			}
		}
	})
}
