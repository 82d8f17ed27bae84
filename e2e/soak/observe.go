package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// sample is what the exporter holds at one time.
type sample struct {
	after       time.Duration // since the start
	heap        float64       // bytes in use just after garbage was collected
	resident    float64       // bytes
	goroutines  float64
	descriptors float64
	series      float64
	processes   float64 // of the host: what is held of each is no leak
	findings    float64 // the same
}

// observe measures until the time is over, the context ends, or the load fails.
func observe(ctx context.Context, set settings, l *load, progress io.Writer) (samples []sample, err error) {
	began, reported := time.Now(), time.Now()
	for time.Since(began) < set.time {
		if err := programs.Pause(ctx, set.every); err != nil {
			return samples, err
		}
		if err := l.failed(); err != nil {
			return samples, err
		}
		s, err := measureOnce(ctx, l)
		if err != nil {
			return samples, err
		}
		s.after = time.Since(began)
		samples = append(samples, s)
		if time.Since(reported) > time.Minute {
			reported = time.Now()
			fmt.Fprintf(progress, "soak: %s: heap %.1f MiB, resident %.1f MiB, %g goroutines, %g descriptors, %g series, %g processes, %g findings\n",
				s.after.Round(time.Second), s.heap/(1<<20), s.resident/(1<<20), s.goroutines, s.descriptors, s.series, s.processes, s.findings)
		}
	}
	return samples, nil
}

func measureOnce(ctx context.Context, l *load) (s sample, err error) {
	// The handler of net/http/pprof collects garbage first, and reads this number at once.
	profile, err := l.read(ctx, "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return s, err
	}
	heap, err := heapOf(profile)
	if err != nil {
		return s, err
	}
	metrics, err := l.read(ctx, "/metrics")
	if err != nil {
		return s, err
	}
	if s, err = read(bytes.NewReader(metrics)); err != nil {
		return s, err
	}
	s.heap = heap
	processes, err := measure.Processes("/proc")
	s.processes = float64(processes)
	return s, err
}

// heapOf reads the line of runtime.MemStats in a profile in the text format.
func heapOf(profile []byte) (float64, error) {
	for line := range bytes.Lines(profile) {
		if value, ok := bytes.CutPrefix(line, []byte("# HeapAlloc = ")); ok {
			return strconv.ParseFloat(string(bytes.TrimSpace(value)), 64)
		}
	}
	return 0, errors.New("the profile does not say how large the heap is")
}

// read reads metrics in the text format.
func read(metrics io.Reader) (s sample, err error) {
	wanted := map[string]*float64{
		"process_resident_memory_bytes": &s.resident, "go_goroutines": &s.goroutines, "process_open_fds": &s.descriptors,
	}
	lines := bufio.NewScanner(metrics)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := lines.Text(); line != "" && line[0] != '#' {
			s.series++
			name, value, _ := strings.Cut(line, " ")
			into := wanted[name]
			isFinding := strings.HasPrefix(name, "cryptojack_findings{")
			if into == nil && !isFinding {
				continue
			}
			number, err := strconv.ParseFloat(value, 64)
			switch {
			case err != nil:
				return s, fmt.Errorf("%s: %w", name, err)
			case isFinding:
				s.findings += number
			default:
				*into = number
				delete(wanted, name)
			}
		}
	}
	for name := range wanted {
		return s, fmt.Errorf("there is no %s among %g series", name, s.series)
	}
	return s, lines.Err()
}
