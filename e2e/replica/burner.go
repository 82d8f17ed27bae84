package main

import (
	"fmt"
	"strconv"
	"time"
)

// burnPeriod is the length of one turn of work and rest.
const burnPeriod = 50 * time.Millisecond

// burn uses the share duty (0 to 1, empty means 1) of one core, on one
// goroutine, until the guardian is gone.
func burn(duty string, deadline time.Time) error {
	share := 1.0
	if duty != "" {
		parsed, err := strconv.ParseFloat(duty, 64)
		if err != nil || parsed < 0 || parsed > 1 {
			return fmt.Errorf("REPLICA_DUTY is %q, want a number from 0 to 1", duty)
		}
		share = parsed
	}
	work := time.Duration(share * float64(burnPeriod))
	for watch := newParentWatch(); time.Now().Before(deadline) && !watch.gone(); {
		spin(work)
		time.Sleep(burnPeriod - work)
	}
	return nil
}

// spin keeps one core busy for the duration.
func spin(duration time.Duration) {
	for end := time.Now().Add(duration); time.Now().Before(end); {
		for range 1000 {
			continue
		}
	}
}
