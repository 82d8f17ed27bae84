package main

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a test leaves a goroutine behind. These tests look at this host, on which
// something may never answer, such as a FUSE file system: who waits for that is left
// behind on purpose (hostfs.Within), and is counted there.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs.Within[...].func1"))
}
