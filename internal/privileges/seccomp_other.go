//go:build !amd64 && !arm64 && !riscv64

package privileges

import (
	"errors"
	"fmt"
	"runtime"
)

// Filter has no numbers of system calls for this architecture.
func Filter(...uint32) error {
	return fmt.Errorf("filter system calls on %s: %w", runtime.GOARCH, errors.ErrUnsupported)
}
