package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// grace is how long a fuzz test may take to begin and to end beside the time that it is given: it first runs
// every input that is known.
const grace = 5 * time.Minute

// outcome is what one fuzz test did.
type outcome struct {
	executions int
	added      int // inputs that covered code which none before did
	took       time.Duration
	err        error
}

func runAll(ctx context.Context, set settings, targets []target, stdout io.Writer) error {
	if err := os.MkdirAll(set.work, 0o755); err != nil {
		return err
	}
	for _, folder := range folders(targets) {
		if err := compile(ctx, set, folder, "-fuzz=Fuzz"); err != nil {
			return err
		}
	}
	outcomes := make([]outcome, len(targets))
	next := make(chan int)
	var mutex sync.Mutex // of what is written
	var workers sync.WaitGroup
	for range set.parallel {
		workers.Go(func() {
			for i := range next {
				o := runOne(ctx, set, targets[i])
				mutex.Lock()
				outcomes[i] = o
				printOne(stdout, targets[i], o)
				mutex.Unlock()
			}
		})
	}
	began := time.Now()
	for i := range targets {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	var failures []error
	total := outcome{}
	for i, o := range outcomes {
		total.executions += o.executions
		total.took += o.took
		if o.err != nil {
			failures = append(failures, fmt.Errorf("%s of %s: %w", targets[i].name, targets[i].folder, o.err))
		}
	}
	fmt.Fprintf(stdout, "%d fuzz tests, %d executions in %s of fuzzing (%s by the clock), %d faults\n",
		len(targets), total.executions, total.took.Round(time.Second), time.Since(began).Round(time.Second), len(failures))
	return errors.Join(append(failures, context.Cause(ctx))...)
}

// compile builds the test program of a package.
func compile(ctx context.Context, set settings, folder string, flags ...string) error {
	command := exec.CommandContext(ctx, "go", append([]string{"test", "-c", "-o", program(set.work, folder)}, append(flags, "./"+folder)...)...)
	command.Dir = set.source
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the tests of %s: %w\n%s", folder, err, output)
	}
	return nil
}

var (
	progress  = regexp.MustCompile(`fuzz: elapsed: .*, execs: (\d+) .*new interesting: (\d+) `)
	finding   = []byte("Failing input written to ")
	outOfTime = []byte("context deadline exceeded")
)

func runOne(ctx context.Context, set settings, t target) (o outcome) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, set.time+grace)
	defer cancel()
	// One worker each, so that so many run as are asked for.
	command := exec.CommandContext(ctx, program(set.work, t.folder),
		"-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+set.time.String(), "-test.fuzzminimizetime=2s",
		"-test.fuzzcachedir="+filepath.Join(set.work, "inputs", t.folder), "-test.parallel=1", "-test.timeout=0")
	command.Dir = filepath.Join(set.source, t.folder)
	output, err := command.CombinedOutput()
	o.took = time.Since(began)
	o.executions, o.added = counts(output)
	if err != nil && !isOutOfTime(output) {
		o.err = fmt.Errorf("%w\n%s", err, output)
	}
	return o
}

// counts reads the last line of progress.
func counts(output []byte) (executions, added int) {
	all := progress.FindAllSubmatch(output, -1)
	if len(all) == 0 {
		return 0, 0
	}
	last := all[len(all)-1]
	executions, _ = strconv.Atoi(string(last[1]))
	added, _ = strconv.Atoi(string(last[2]))
	return executions, added
}

// isOutOfTime tells whether a run only ended while it was making an input smaller, which Go reports as a failure
// (go.dev/issue/56238).
func isOutOfTime(output []byte) bool {
	return bytes.Contains(output, outOfTime) && !bytes.Contains(output, finding)
}

func printOne(stdout io.Writer, t target, o outcome) {
	state := "ok"
	if o.err != nil {
		state = "FAULT"
	}
	fmt.Fprintf(stdout, "%-5s %-24s %-32s %10d executions, %4d new inputs, %s\n", state, t.name, t.folder, o.executions, o.added, o.took.Round(time.Second))
}
