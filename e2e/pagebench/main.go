// Pagebench measures the time to page: the seconds from the start of an attack
// until a pager hears of it. Each run starts the exporter with its default
// flags, Prometheus and Alertmanager with the shipped rules and routes, and one
// attack of programs that only count. It needs root, speaks only to the
// loopback network, and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

const (
	exitGood  = 0
	exitBad   = 1 // too slow, or an attack that nobody was paged for
	exitUsage = 2 // not all was measured

	period   = 15 * time.Second // of scrapes and of evaluations
	goal     = 20 * time.Second // for the 95th percentile of all
	findGoal = time.Second      // for that of the exporter's part, from the execve(2) that shows it
	allRuns  = 20
	fewRuns  = 2
	patience = 2 * time.Minute // how long a run waits for the page
)

func main() { programs.Main(run) }

// settings are the parsed command line.
type settings struct {
	runs                         int
	short                        bool
	exporter, prometheus, burner string // paths
	alertmanager, table          string
}

func parse(arguments []string, stderr io.Writer) (settings, error) {
	flags, err := programs.NewFlags("pagebench", stderr)
	if err != nil {
		return settings{}, err
	}
	set := settings{}
	flags.IntVar(&set.runs, "runs", allRuns, "`NUMBER` of attacks, one after the other: about a minute each")
	flags.BoolVar(&set.short, "short", false, fmt.Sprintf("%d attacks, at once instead of at a random moment, and no judgement of the time", fewRuns))
	flags.Program(&set.exporter, "exporter", "cryptojack_exporter")
	flags.Program(&set.prometheus, "prometheus", "prometheus")
	flags.Program(&set.burner, "burner", "burner")
	flags.StringVar(&set.alertmanager, "alertmanager", "prometheus-alertmanager", "`PROGRAM` of Alertmanager, Debian's by default")
	flags.StringVar(&set.table, "table", "", "`FILE` to write the page to, once all was measured")
	if err := flags.Parse(arguments); err != nil {
		return set, err
	}
	if set.short {
		set.runs = fewRuns
	}
	if set.runs < 1 || flags.NArg() > 0 {
		return set, errors.New("give -runs of at least 1, and no arguments")
	}
	return set, nil
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	set, err := parse(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitGood
	}
	if err == nil && os.Geteuid() != 0 {
		err = errors.New("needs root: it starts programs as another user, and an exporter that sees all processes")
	}
	if err != nil {
		fmt.Fprintln(stderr, "pagebench:", err)
		return exitUsage
	}
	b := &bench{settings: set, progress: stderr}
	outcomes, err := b.runAll(ctx)
	if err != nil {
		if len(outcomes) > 0 {
			fmt.Fprintf(stdout, "%s", document(measure.Machine(), outcomes))
		}
		fmt.Fprintf(stderr, "pagebench: after %d of %d attacks: %v\n", len(outcomes), set.runs, err)
		return exitUsage
	}
	if err := measure.Publish(stdout, set.table, document(measure.Machine(), outcomes)); err != nil {
		fmt.Fprintln(stderr, "pagebench:", err)
		return exitUsage
	}
	return conclude(stdout, outcomes, set.short)
}

// conclude says whether that is good enough and returns the exit code.
func conclude(stdout io.Writer, outcomes []outcome, short bool) int {
	for _, o := range outcomes {
		if !o.paged {
			fmt.Fprintf(stdout, "\nGoal not met: nobody was paged for %q within %s.\n", o.kind, patience)
			return exitBad
		}
	}
	if short {
		fmt.Fprintln(stdout, "\nEach attack was paged for.")
		return exitGood
	}
	code := exitGood
	for _, aim := range []struct {
		what  string
		times []time.Duration
		most  time.Duration
	}{{"to the page", totals(outcomes), goal}, {"to the finding", finds(outcomes), findGoal}} {
		slow, word := measure.Quantile(aim.times, 0.95), "Goal met"
		if slow > aim.most || len(aim.times) == 0 {
			code, word = exitBad, "Goal not met"
		}
		fmt.Fprintf(stdout, "\n%s: p95 from execve(2) %s is %.2f s, to be at most %.0f s.\n", word, aim.what, slow.Seconds(), aim.most.Seconds())
	}
	return code
}
