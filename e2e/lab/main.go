// Lab is an attack lab for the exporter. It plays attacks of cryptojacking and
// their benign counterparts on this host, with programs that only count, and says how
// the exporter judged each: what it found, what it missed, what it got wrong,
// and how long it took. It needs root, speaks only to the loopback network, and
// leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

const (
	exitGood  = 0
	exitBad   = 1 // something was missed or a false alarm
	exitUsage = 2 // nothing was judged
)

func main() { programs.Main(run) }

// settings are the parsed command line.
type settings struct {
	short, list      bool
	only             *regexp.Regexp // of names
	seed             uint64
	cores            int
	exporter, burner string
	log, skipped     string // files
	table            string // file
	most             time.Duration
}

func parse(arguments []string, stderr io.Writer) (settings, error) {
	flags, err := programs.NewFlags("lab", stderr)
	if err != nil {
		return settings{}, err
	}
	set := settings{log: flags.Beside("lab.log")}
	flags.BoolVar(&set.short, "short", false, "play a representative subset, in 3 minutes")
	flags.BoolVar(&set.list, "list", false, "list the scenarios and play none")
	only := flags.String("only", "", "play those whose name has a match of the regular expression `PATTERN`")
	flags.Uint64Var(&set.seed, "seed", rand.Uint64N(1e9), "make names and paths from this `NUMBER`, to play a run again")
	flags.StringVar(&set.table, "table", "", "write the page about the run to `FILE`")
	flags.IntVar(&set.cores, "cores", runtime.NumCPU(), "keep `NUMBER` cores busy at a time")
	flags.DurationVar(&set.most, "for", 24*time.Hour, "start nothing more after this `TIME`")
	flags.StringVar(&set.skipped, "skipped", "", "append what could not be played here to `FILE`, a line each")
	flags.Program(&set.exporter, "exporter", "cryptojack_exporter")
	flags.Program(&set.burner, "burner", "burner")
	if err := flags.Parse(arguments); err != nil {
		return settings{}, err
	}
	if set.only, err = regexp.Compile(*only); err != nil {
		fmt.Fprintln(stderr, "lab: -only:", err)
	}
	return set, err
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	set, err := parse(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitGood
	}
	if err != nil {
		return exitUsage // parse has said why
	}
	made := newNames(set.seed)
	chosen := choose(allScenarios(made), set.short, set.only)
	if set.list {
		for i := range chosen {
			s := &chosen[i]
			fmt.Fprintf(stdout, "%-6s %-10s %-45s %.2f cores %s\n", s.kind(), s.technique, s.name, s.cores, s.expect)
		}
		fmt.Fprintln(stdout, len(chosen), "scenarios")
		return exitGood
	}
	good, err := play(ctx, set, made, chosen, stdout, stderr)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "lab:", err)
		return exitUsage
	case !good:
		return exitBad
	}
	return exitGood
}

// play runs everything and reports. An error means that nothing can be said.
func play(ctx context.Context, set settings, made *names, chosen []scenario, stdout, stderr io.Writer) (good bool, err error) {
	if err := check(set, made, chosen); err != nil {
		return false, err
	}
	log, err := os.OpenFile(set.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return false, err
	}
	defer log.Close()
	fmt.Fprintf(stderr, "lab: names are made from seed %d; -seed=%d plays the same again\n", set.seed, set.seed)
	before, err := noteLitter()
	if err != nil {
		return false, err
	}
	shared := &sharedDirectories{}
	defer func() {
		err = errors.Join(err, before.sweep(), os.RemoveAll(made.homeRoot), shared.remove())
	}()
	if err := errors.Join(shared.make(made.localRoot), shared.make(made.homeRoot)); err != nil {
		return false, err
	}
	if err := os.Chown(made.homeRoot, programs.Nobody, programs.Nobody); err != nil {
		return false, err
	}
	listening, err := openPools()
	if err != nil {
		return false, err
	}
	defer listening.close()
	watching, err := startExporter(ctx, set.exporter, made.allowed.configuration(), log)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, watching.stop()) }()

	members := newTracker(fmt.Sprintf("%d-%d", os.Getpid(), time.Now().Unix()))
	verdicts, err := newJudge(ctx, watching, members)
	if err != nil {
		return false, err
	}
	results, err := watched(ctx, verdicts, func(ctx context.Context) []result {
		l := &lab{burner: set.burner, log: log, progress: stderr, tracker: members, judge: verdicts, shared: shared, names: made, capacity: float64(set.cores), until: time.Now().Add(set.most)}
		return l.playAll(ctx, chosen)
	})
	if printed := printTable(stdout, results); printed != nil {
		return false, printed
	}
	if err := listAbsent(set.skipped, results); err != nil {
		return false, err
	}
	good = printSummary(stdout, summarize(results), verdicts.strangers())
	if ctx.Err() != nil {
		return false, errors.Join(err, errors.New("interrupted"))
	}
	return good, errors.Join(err, writeDocument(set.table, set.seed, results, len(chosen)-len(results)))
}

// watched runs the scenarios while the judge watches. Without a judge there is
// no point in going on.
func watched(ctx context.Context, verdicts *judge, playAll func(context.Context) []result) ([]result, error) {
	playing, stopPlaying := context.WithCancel(ctx)
	defer stopPlaying()
	looking, stopLooking := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := verdicts.watch(looking)
		stopPlaying()
		ended <- err
	}()
	results := playAll(playing)
	stopLooking()
	return results, <-ended
}

// check refuses to start where the lab could do harm or judge nothing.
func check(set settings, made *names, chosen []scenario) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: it starts programs as another user, mounts, and looks at all processes")
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no scenario has a name with a match of %q", set.only)
	}
	for _, path := range []string{set.exporter, set.burner} {
		if _, err := os.Stat(path); err != nil {
			return err
		}
	}
	names := map[string]bool{}
	taken := []string{made.homeRoot, made.localRoot}
	for i := range chosen {
		if names[chosen[i].name] {
			return fmt.Errorf("two scenarios are called %s", chosen[i].name)
		}
		names[chosen[i].name] = true
		if chosen[i].unless == "" {
			taken = append(taken, chosen[i].paths...)
		}
	}
	for _, path := range taken {
		if _, err := os.Lstat(path); err == nil {
			return programs.AlreadyThere(path)
		}
	}
	return nil
}
