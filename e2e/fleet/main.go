// Fleet measures what one Prometheus needs for many hosts: it records what the exporter
// says on this host, plays that as 1,000 hosts on addresses of their own, and has a real
// Prometheus scrape them and evaluate the shipped rules. It needs root.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

const scrapePeriod = 15 * time.Second

func main() { programs.Main(run) }

// settings are the parsed command line.
type settings struct {
	exporter, prometheus, burner string // paths
	hosts, mined, recorded       int
	warmUp, span                 time.Duration
	table                        string
}

func parse(arguments []string, stderr io.Writer) (settings, error) {
	set := settings{}
	flags, err := programs.NewFlags("fleet", stderr)
	if err != nil {
		return set, err
	}
	flags.Program(&set.exporter, "exporter", "cryptojack_exporter")
	flags.Program(&set.prometheus, "prometheus", "prometheus")
	flags.Program(&set.burner, "burner", "burner")
	flags.IntVar(&set.hosts, "hosts", 1000, "`NUMBER` of hosts, at most 10,000")
	flags.IntVar(&set.mined, "mined", 10, "`NUMBER` of them that are mined")
	flags.IntVar(&set.recorded, "recorded", 8, "`NUMBER` of scrapes to record of each kind of host, 15s apart")
	flags.DurationVar(&set.warmUp, "warm-up", 5*time.Minute, "`TIME` that all are scraped before it counts")
	flags.DurationVar(&set.span, "for", 10*time.Minute, "`TIME` of the measurement")
	flags.StringVar(&set.table, "table", "", "`FILE` to write the page to")
	if err := flags.Parse(arguments); err != nil {
		return set, err
	}
	if set.hosts < 1 || set.hosts > 10_000 || set.mined < 0 || set.mined > set.hosts || set.recorded < 2 || set.span < time.Minute || flags.NArg() > 0 {
		return set, errors.New("give -hosts of 1 to 10,000, no more -mined than that, -recorded of at least 2, -for of at least 1m, and no arguments")
	}
	return set, nil
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	return programs.RunAsRoot("fleet", "the exporter is recorded as it sees everything", arguments, stderr, parse, func(set settings) error {
		m, err := measureFleet(ctx, set, stderr)
		if err != nil {
			return err
		}
		return measure.Publish(stdout, set.table, document(measure.Machine(), m))
	})
}

// measureFleet records, plays and measures.
func measureFleet(ctx context.Context, set settings, progress io.Writer) (m measurement, err error) {
	own, err := os.Executable()
	if err != nil {
		return m, err
	}
	// Not in /tmp, where the exporter would look at all that Prometheus writes.
	directory, err := os.MkdirTemp(filepath.Dir(own), "fleet-")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	quiet, mined, err := record(ctx, set, progress)
	if err != nil {
		return m, err
	}
	simulated, err := startHosts(set.hosts, set.mined, quiet, mined)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, simulated.stop()) }()
	watching, err := startPrometheus(ctx, set, directory, simulated.targets)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, watching.Stop()) }()
	if m, err = watching.measure(ctx, set, progress); err != nil {
		return m, err
	}
	m.quiet, m.mined = kindOf(quiet), kindOf(mined)
	simulated.playEverywhere(mined)
	m.wave, err = watching.measureWave(ctx, progress)
	return m, err
}
