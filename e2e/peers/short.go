package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

const burnMode = "PEERS_BURN" // how long a burner burns

// load is a number of processes, one after the other, that each use so much CPU time.
type load struct {
	each  time.Duration
	count int
}

func loads() []load {
	return []load{{10 * time.Millisecond, 500}, {50 * time.Millisecond, 200}, {time.Second, 20}, {time.Minute, 1}}
}

func (l load) name() string { return "peers-burn-" + l.each.String() }

// attribution is how much CPU time of a load came to light under its program.
type attribution struct {
	load
	used float64            // seconds, by wait(2)
	seen map[string]float64 // seconds, by peer
}

// attribute runs the loads under the eyes of those that know CPU time by program.
func attribute(ctx context.Context, peers []peer, progress io.Writer) (results []attribution, err error) {
	var able []peer
	for _, p := range peers {
		if p.metric != "" {
			able = append(able, p)
		}
	}
	servers, err := startAll(ctx, able)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopAll(servers)) }()
	scrapeAll := func() error {
		for _, s := range servers {
			if _, err := s.scrape(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	if err := scrapeAll(); err != nil {
		return nil, err
	}
	if err := programs.Pause(ctx, scrapePeriod); err != nil {
		return nil, err
	}
	finished := make(chan loadsRun, 1)
	go func() {
		results, err := runLoads(ctx, progress)
		finished <- loadsRun{results, err}
	}()
	ticker := time.NewTicker(scrapePeriod)
	defer ticker.Stop()
	for running := true; running; {
		select {
		case run := <-finished:
			if results, running = run.results, false; run.err != nil {
				return nil, run.err
			}
		case <-ticker.C:
		}
		if err := scrapeAll(); err != nil {
			if running {
				err = errors.Join(err, (<-finished).err) // it removes its programs
			}
			return nil, err
		}
	}
	if err := programs.Pause(ctx, scrapePeriod); err != nil {
		return nil, err
	}
	for _, s := range servers {
		exposition, err := s.scrape(ctx)
		if err != nil {
			return nil, err
		}
		seconds, err := s.cpuByProgram(exposition)
		if err != nil {
			return nil, err
		}
		for i := range results {
			results[i].seen[s.name] = seconds[results[i].name()]
		}
	}
	return results, nil
}

type loadsRun struct {
	results []attribution
	err     error
}

// runLoads runs the loads one after the other.
func runLoads(ctx context.Context, progress io.Writer) (results []attribution, err error) {
	directory, err := os.MkdirTemp(place, "cryptojack-peers-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	for _, l := range loads() {
		program := filepath.Join(directory, l.name())
		if err := programs.Copy("/proc/self/exe", program, l.name()); err != nil {
			return results, err
		}
		result := attribution{load: l, seen: map[string]float64{}}
		for range l.count {
			command := exec.CommandContext(ctx, program)
			command.Env = append(os.Environ(), burnMode+"="+l.each.String())
			if err := command.Run(); err != nil {
				return results, fmt.Errorf("%s: %w", program, err)
			}
			result.used += (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
		}
		fmt.Fprintf(progress, "%d processes of %s used %.1f s\n", l.count, l.each, result.used)
		results = append(results, result)
	}
	return results, nil
}

// burn uses so much CPU time, as getrusage(2) counts it.
func burn(length string) {
	limit, err := time.ParseDuration(length)
	if err != nil {
		os.Exit(2)
	}
	for cpuTime() < limit {
		for range 10000 {
			continue
		}
	}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
