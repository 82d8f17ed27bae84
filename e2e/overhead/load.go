package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
)

// load is work that takes a while.
type load struct {
	name  string
	pairs int
	goal  bool // it must not take much longer
	// prepare is done once, before the first run; nil if there is nothing to do.
	prepare func(ctx context.Context) error
	// run does the work and returns how long it took.
	run func(ctx context.Context) (time.Duration, error)
}

// loadsOf are those that the command line wants.
func loadsOf(set settings) []load {
	short := filepath.Join(set.directory, "short")
	var loads []load
	if set.builds > 0 {
		loads = append(loads, load{
			name:  "`go build -a ./cmd/...` of this repository",
			pairs: set.builds,
			goal:  true,
			prepare: func(ctx context.Context) error { // fills the page cache
				_, err := set.build(ctx)
				return err
			},
			run: set.build,
		})
	}
	if set.spawns > 0 {
		loads = append(loads, load{
			name:  fmt.Sprintf("%d runs of true(1), %d a second", set.count, set.perSecond),
			pairs: set.spawns,
			goal:  true,
			run: func(ctx context.Context) (time.Duration, error) {
				spawned, err := crowd.Spawn(ctx, "/bin/true", set.perSecond, set.count)
				return spawned.Busy, errors.Join(err, context.Cause(ctx))
			},
		}, load{
			name:    fmt.Sprintf("%d runs of a program that only ends, on all cores, without a pause", set.count),
			pairs:   set.spawns,
			prepare: func(context.Context) error { return crowd.WriteShort(short) },
			run: func(ctx context.Context) (time.Duration, error) {
				return spawnEverywhere(ctx, short, set.count)
			},
		})
	}
	return loads
}

// build compiles the exporter and all that it needs, with a cache of its own and without
// a network: the modules are there, or this bench could not have been built.
func (set settings) build(ctx context.Context) (time.Duration, error) {
	command := exec.CommandContext(ctx, set.golang, "build", "-a", "-o", filepath.Join(set.directory, "built"), "./cmd/...")
	command.Dir = set.source
	command.Env = append(os.Environ(), "GOCACHE="+filepath.Join(set.directory, "cache"), "GOPROXY=off", "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
	began := time.Now()
	output, err := command.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", command, err, output)
	}
	return time.Since(began), nil
}

// spawnEverywhere shares the processes out among the cores.
func spawnEverywhere(ctx context.Context, program string, count int) (time.Duration, error) {
	failures := make(chan error)
	began := time.Now()
	for core := range runtime.NumCPU() {
		share := count * (core + 1) / runtime.NumCPU()
		share -= count * core / runtime.NumCPU()
		go func() {
			var err error
			if share > 0 { // 0 would be without an end
				_, err = crowd.Spawn(ctx, program, 0, share)
			}
			failures <- err
		}()
	}
	var err error
	for range runtime.NumCPU() {
		err = errors.Join(err, <-failures)
	}
	return time.Since(began), errors.Join(err, context.Cause(ctx))
}

// pair is one run without the exporter and one with it.
type pair struct {
	without, with time.Duration
	exporter      time.Duration // CPU time of the exporter during the run
}

// result is what came of a load.
type result struct {
	load  string
	goal  bool
	pairs []pair
}

// measureLoad runs the pairs of a load. Every other pair begins with the exporter, so
// that what changes on the host by and by favours neither.
func measureLoad(ctx context.Context, set settings, l load, progress io.Writer) (r result, err error) {
	r.load, r.goal = l.name, l.goal
	if l.prepare != nil {
		if err := l.prepare(ctx); err != nil {
			return r, err
		}
	}
	for i := range l.pairs {
		var p pair
		for _, watched := range order(i) {
			if watched {
				p.with, p.exporter, err = runWatched(ctx, set, l)
			} else {
				p.without, err = l.run(ctx)
			}
			if err != nil {
				return r, err
			}
		}
		fmt.Fprintf(progress, "%s: %.2f s, with the exporter %.2f s: %.4f\n", l.name, p.without.Seconds(), p.with.Seconds(), p.ratio())
		r.pairs = append(r.pairs, p)
	}
	return r, nil
}

// order is whether the first and the second run of a pair have the exporter.
func order(pair int) [2]bool { return [2]bool{pair%2 == 1, pair%2 == 0} }

func runWatched(ctx context.Context, set settings, l load) (took, used time.Duration, err error) {
	w, err := watch(ctx, set)
	if err != nil {
		return 0, 0, err
	}
	took, err = l.run(ctx)
	used, stopErr := w.stop()
	return took, used, errors.Join(err, stopErr)
}
