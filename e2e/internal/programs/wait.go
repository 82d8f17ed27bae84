package programs

import (
	"context"
	"fmt"
	"time"
)

// checkInterval is the pause between two checks of a condition.
const checkInterval = 100 * time.Millisecond

// Eventually calls check until it returns nil. It gives up with an error when the
// limit has passed or the context ends.
func Eventually(ctx context.Context, limit time.Duration, what string, check func() error) error {
	for deadline := time.Now().Add(limit); ; {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s: %w", what, limit, err)
		}
		if err := Pause(ctx, checkInterval); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// Pause waits for the duration. It returns early, with the cause, if the context
// ends.
func Pause(ctx context.Context, duration time.Duration) error {
	select {
	case <-time.After(duration):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
