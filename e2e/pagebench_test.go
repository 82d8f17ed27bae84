package e2e

import (
	"testing"
	"time"
)

// TestPageReachesThePager plays two attacks against the shipped configuration
// with its own times. How long the page takes is for `make bench-page` to say: a
// machine that also tests is no measure.
func TestPageReachesThePager(t *testing.T) {
	// The bench has limits of its own, and cleans up when it reaches one.
	bench := runWithin(t, 12*time.Minute, program(t, "pagebench"), "-short")
	if bench.code != 0 {
		t.Errorf("exit code %d: %s", bench.code, bench.stderr)
	}
	t.Logf("%s%s", bench.stderr, bench.stdout)
}
