package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

const (
	// mostSeries is what a host may have, DESIGN's R2.
	mostSeries = 1300
	// releaseLimit is how long the exporter may hold what a trial made it hold. A read that
	// hung is left alone for a minute.
	releaseLimit = 90 * time.Second
	// slack is by how much descriptors and goroutines may differ: connections of scrapes, reads under way.
	slack = 6
	// settled is how many samples of processes must have been taken after the act.
	settled = 2
)

func eventually(ctx context.Context, limit time.Duration, what string, check func() error) error {
	return programs.Eventually(ctx, limit, what, check)
}

// held are what a process must give back.
func held() []string { return []string{"process_open_fds", "go_goroutines"} }

// watch compares an exporter with what it was before a trial.
type watch struct {
	target *target
	before *scrape
	logged int   // bytes that were logged before
	peak   int64 // bytes
}

// watch begins to compare: memory is measured from now on, and only what is logged from now on
// counts, unless the exporter is new.
func (t *target) watch(ctx context.Context, isNew bool) (*watch, error) {
	// 5 sets the peak to what is resident now (proc(5), clear_refs).
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", t.PID), []byte("5"), 0); err != nil {
		return nil, err
	}
	w := &watch{target: t}
	if !isNew {
		said, err := t.logged()
		if err != nil {
			return nil, err
		}
		w.logged = len(said)
	}
	var err error
	w.before, err = t.scrape(ctx)
	return w, err
}

// samples waits until so many further samples of processes have been taken.
func (t *target) samples(ctx context.Context, more int) error {
	var last float64
	for range more + 1 {
		err := eventually(ctx, usualWait, "processes are sampled", func() error {
			now, err := t.scrape(ctx)
			if err != nil {
				return err
			}
			at, err := now.sum(`cryptojack_last_sample_timestamp_seconds{sensor="process"}`)
			if err == nil && at == last {
				err = fmt.Errorf("the last sample is that of %.3f", at)
			}
			if err == nil {
				last = at
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// survived checks what holds after every trial, while what it has done still stands.
func (w *watch) survived(ctx context.Context, t *trial) (err error) {
	if err := w.target.Ended(); err != nil {
		return err
	}
	if err := w.target.samples(ctx, settled); err != nil {
		return err
	}
	for _, path := range []string{"/-/healthy", "/-/ready", "/", "/api/v1/findings"} {
		if _, err := w.target.get(ctx, path); err != nil {
			return err
		}
	}
	now, err := w.target.scrape(ctx)
	if err != nil {
		return err
	}
	if now.series >= mostSeries {
		return fmt.Errorf("%d series, less than %d are promised: %s", now.series, mostSeries, now.largest())
	}
	if err := checkAll([]string{"cryptojack_panics_total is 0", "cryptojack_scrape_collector_success is at least 7"}, w.before, now); err != nil {
		return err
	}
	if err := w.finds(ctx, t.notFound, false); err != nil {
		return err
	}
	if w.peak, err = measure.Peak(w.target.PID); err != nil {
		return err
	}
	if w.peak > t.memory() {
		return fmt.Errorf("it took %d MiB of memory, %d are its bound", w.peak>>20, t.memory()>>20)
	}
	return nil
}

// released waits until the exporter holds no more than before.
func (w *watch) released(ctx context.Context) error {
	return eventually(ctx, releaseLimit, "it gives back what it held", func() error {
		now, err := w.target.scrape(ctx)
		if err != nil {
			return err
		}
		for _, name := range held() {
			old, err := w.before.sum(name)
			if err != nil {
				return err
			}
			if err := checkAll([]string{fmt.Sprintf("%s is at most %g", name, old+slack)}, w.before, now); err != nil {
				return err
			}
		}
		return nil
	})
}
