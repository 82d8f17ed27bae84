package deadline

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestStuckReadsAreLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		guard := New(2)
		release := make(chan struct{})
		stuck := func() int { <-release; return 1 }
		began := time.Now()
		for range 3 {
			if _, err := Within(guard, time.Second, stuck); !errors.Is(err, ErrExceeded) {
				t.Fatalf("a stuck read gave %v", err)
			}
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("three reads took %s, want 2 s: the third is refused at once", took)
		}
		if guard.Stuck() != 2 {
			t.Errorf("%d reads are stuck, want 2", guard.Stuck())
		}
		close(release)
		synctest.Wait()
		if value, err := Within(guard, time.Second, func() int { return 7 }); value != 7 || err != nil || guard.Stuck() != 0 {
			t.Errorf("after they came back: %d, %v, %d stuck", value, err, guard.Stuck())
		}
	})
}
