package hostfs

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestStuckReadsAreLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		guard := NewGuard(2)
		release := make(chan struct{})
		stuck := func() (int, error) { <-release; return 1, nil }
		began := time.Now()
		for range 3 {
			if _, err := Within(guard, time.Second, stuck); !errors.Is(err, ErrTimeout) {
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
		if value, err := Within(guard, time.Second, func() (int, error) { return 7, nil }); value != 7 || err != nil || guard.Stuck() != 0 {
			t.Errorf("after they came back: %d, %v, %d stuck", value, err, guard.Stuck())
		}
	})
}

// TestPanicIsContained holds that a defect in a read ends that read alone.
func TestPanicIsContained(t *testing.T) {
	t.Parallel()
	guard := NewGuard(1)
	_, err := Within(guard, time.Minute, func() (int, error) { panic("out of range") })
	if !errors.Is(err, ErrPanic) || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("got %v, want ErrPanic with its cause", err)
	}
	if ReasonOf(err) != model.ReasonPanic {
		t.Errorf("it counts as %q", ReasonOf(err))
	}
	if value, err := Within(guard, time.Minute, func() (int, error) { return 7, io.EOF }); value != 7 || !errors.Is(err, io.EOF) {
		t.Errorf("the next read gave %d, %v, want what it returned", value, err)
	}
}
