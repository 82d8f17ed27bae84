package processes

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a test leaves a goroutine behind.
//
// Tests that look at this machine leave a read behind where a file hangs on it.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs.Within[...].func1"))
}
