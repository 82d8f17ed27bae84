// Overhead measures how much slower other work gets while the exporter runs: a build of
// a Go program, and processes that start and end. Each load runs with and without the
// exporter, in pairs of alternating order. It needs root.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// goal is how many times as long a load may take with the exporter.
const goal = 1.01

func main() { programs.Main(run) }

// settings are the parsed command line.
type settings struct {
	exporter, golang, source string // paths
	builds, spawns           int    // pairs of each
	count, perSecond         int
	table                    string
	settle                   time.Duration
	scrapes                  time.Duration // between two
	directory                string        // made for the run
}

func parse(arguments []string, stderr io.Writer) (settings, error) {
	set := settings{settle: 10 * time.Second, scrapes: 15 * time.Second}
	flags, err := programs.NewFlags("overhead", stderr)
	if err != nil {
		return set, err
	}
	flags.Program(&set.exporter, "exporter", "cryptojack_exporter")
	flags.StringVar(&set.golang, "go", "go", "`PROGRAM` that builds")
	flags.StringVar(&set.source, "source", ".", "`DIRECTORY` of the module that is built: this repository")
	flags.IntVar(&set.builds, "builds", 5, "`NUMBER` of pairs of builds, one with and one without the exporter; 0 leaves them out")
	flags.IntVar(&set.spawns, "spawns", 10, "`NUMBER` of pairs of runs of short processes; 0 leaves them out")
	flags.IntVar(&set.count, "count", 20_000, "`NUMBER` of short processes in each run")
	flags.IntVar(&set.perSecond, "rate", 2000, "`NUMBER` of them a second, in the runs that keep to one")
	flags.StringVar(&set.table, "table", "", "`FILE` to write the page to")
	if err := flags.Parse(arguments); err != nil {
		return set, err
	}
	if set.builds < 0 || set.spawns < 0 || set.count < 1 || set.perSecond < 1 || flags.NArg() > 0 {
		return set, errors.New("give no negative numbers, -count and -rate of at least 1, and no arguments")
	}
	return set, nil
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	return programs.RunAsRoot("overhead", "the exporter asks the kernel for events", arguments, stderr, parse, func(set settings) error {
		results, err := measureAll(ctx, set, stderr)
		if err != nil {
			return err
		}
		return measure.Publish(stdout, set.table, document(measure.Machine(), set, results))
	})
}

// measureAll runs all loads, one after the other.
func measureAll(ctx context.Context, set settings, progress io.Writer) (results []result, err error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Not in /tmp: only what a build puts there by itself is to lie there.
	set.directory, err = os.MkdirTemp(filepath.Dir(own), "overhead-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(set.directory)) }()
	for _, l := range loadsOf(set) {
		r, err := measureLoad(ctx, set, l, progress)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}

// watcher is the exporter while it runs beside a load, scraped as it is in use.
type watcher struct {
	*programs.Server
	before  time.Duration // of CPU time
	endLoop context.CancelFunc
	scraped chan error
}

// watch starts the exporter and waits until it has settled.
func watch(ctx context.Context, set settings) (*watcher, error) {
	command := exec.Command(set.exporter, "--log.level=error")
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	server, err := programs.StartServer(ctx, command, "/-/ready")
	if err != nil {
		return nil, err
	}
	w := &watcher{Server: server, scraped: make(chan error, 1)}
	if err = programs.Pause(ctx, set.settle); err == nil {
		w.before, err = measure.CPUTime(server.PID)
	}
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	ctx, w.endLoop = context.WithCancel(ctx)
	go func() {
		for ctx.Err() == nil {
			if err := programs.Get(ctx, server.URL+"/metrics", nil); err != nil && ctx.Err() == nil {
				w.scraped <- err
				return
			}
			_ = programs.Pause(ctx, set.scrapes) // the condition of the loop looks at its end
		}
		w.scraped <- nil
	}()
	return w, nil
}

// stop returns the CPU time that the exporter used since it had settled.
func (w *watcher) stop() (time.Duration, error) {
	w.endLoop()
	err := <-w.scraped
	after, timeErr := measure.CPUTime(w.PID)
	return after - w.before, errors.Join(err, timeErr, w.Stop())
}
