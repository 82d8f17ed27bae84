package main

import (
	"io"
	"os"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
)

// TestOwnContent holds that another exporter does not take this program for a miner. All
// of it is part of this test's own program.
func TestOwnContent(t *testing.T) {
	t.Parallel()
	file, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	defer file.Close()
	matcher := fingerprint.NewMatcher()
	scan := matcher.NewScan()
	if _, err := io.Copy(scan, file); err != nil {
		t.Fatal(err)
	}
	found := scan.Found()
	if words := matcher.MinerWords(found); len(words) > 0 || found.RandomX() || found.NodeWords() > 0 {
		t.Errorf("it holds words of miners %q, %d words of nodes, RandomX: %v", words, found.NodeWords(), found.RandomX())
	}
}
