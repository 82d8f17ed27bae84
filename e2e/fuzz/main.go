// Fuzz runs the fuzz tests of the exporter, each for a while, a few at a time, and
// prints what each of them did. With -keep it takes inputs that cover code which
// nothing in the tree covers into the tree.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

func main() { programs.Main(run) }

// settings are the parsed command line.
type settings struct {
	source   string         // the repository
	work     string         // where test programs and inputs lie from one run to the next
	only     *regexp.Regexp // names of fuzz tests
	time     time.Duration  // for each
	parallel int
	keep     bool
}

func parse(arguments []string, stderr io.Writer) (settings, error) {
	set := settings{only: regexp.MustCompile("")}
	flags, err := programs.NewFlags("fuzz", stderr)
	if err != nil {
		return set, err
	}
	flags.StringVar(&set.source, "source", ".", "`DIRECTORY` of the repository")
	flags.StringVar(&set.work, "work", "bin/fuzz", "`DIRECTORY` for the test programs and for inputs, which a later run begins with")
	flags.DurationVar(&set.time, "time", 30*time.Second, "`TIME` for each fuzz test; 0 runs none, for -keep alone")
	flags.IntVar(&set.parallel, "parallel", 2, "`NUMBER` of fuzz tests at a time")
	flags.BoolVar(&set.keep, "keep", false, "then take small inputs that cover new code into testdata/fuzz of their packages")
	flags.Func("run", "`PATTERN` of the names of those to run", func(pattern string) (err error) {
		set.only, err = regexp.Compile(pattern)
		return err
	})
	if err := flags.Parse(arguments); err != nil {
		return set, err
	}
	if set.time < 0 || set.parallel < 1 || flags.NArg() > 0 {
		return set, errors.New("give a -time of at least 0, -parallel of at least 1, and no arguments")
	}
	for _, directory := range []*string{&set.source, &set.work} {
		if *directory, err = filepath.Abs(*directory); err != nil {
			return set, err
		}
	}
	return set, nil
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	set, err := parse(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "fuzz: %v\n", err)
		return 2
	}
	if err := fuzz(ctx, set, stdout); err != nil {
		fmt.Fprintf(stderr, "fuzz: %v\n", err)
		return 1
	}
	return 0
}

func fuzz(ctx context.Context, set settings, stdout io.Writer) error {
	targets, err := find(set.source, set.only)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return errors.New("there is no fuzz test of that name")
	}
	if set.time > 0 {
		err = runAll(ctx, set, targets, stdout)
	}
	if set.keep && ctx.Err() == nil {
		err = errors.Join(err, keepAll(ctx, set, targets, stdout))
	}
	return err
}
