// Hostile does to this host what an attacker or a broken machine may do to the exporter,
// one trial after the other, and says of each whether the exporter survived it, stayed
// within its bounds, and told of it. It needs root, speaks only to the loopback
// network, and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

func main() { programs.Main(run) }

// settings are the parsed command line.
type settings struct {
	short           bool
	only            *regexp.Regexp // of names
	table, skipped  string         // files
	log             string         // file
	exporter, actor string         // programs
	directory       string         // made for the run, where programs are no suspects and every user may run them
}

// place is below where an administrator installs.
const place = "/usr/local/lib"

func parse(arguments []string, stderr io.Writer) (set settings, err error) {
	flags, err := programs.NewFlags("hostile", stderr)
	if err != nil {
		return set, err
	}
	flags.BoolVar(&set.short, "short", false, "do only what takes a few seconds, with smaller numbers")
	only := flags.String("run", "", "do what has a name with a match of the regular expression `PATTERN`")
	flags.StringVar(&set.table, "table", "", "write the page about the run to `FILE`")
	flags.StringVar(&set.skipped, "skipped", "", "append what could not be done here to `FILE`, a line each")
	flags.StringVar(&set.log, "log", flags.Beside("hostile.log"), "write what the exporters log to `FILE`")
	flags.Program(&set.exporter, "exporter", "cryptojack_exporter")
	flags.Program(&set.actor, "actor", "actor")
	if err := flags.Parse(arguments); err != nil {
		return set, err
	}
	set.only, err = regexp.Compile(*only)
	return set, err
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	return programs.RunAsRoot("hostile", "it mounts, limits and freezes what it starts", arguments, stderr, parse, func(set settings) error {
		began := time.Now()
		results, err := doAll(ctx, set, stderr)
		if err != nil {
			return err
		}
		if err := measure.Publish(stdout, set.table, document(measure.Machine(), began, results)); err != nil {
			return err
		}
		if err := programs.AppendLines(set.skipped, absent(results)); err != nil {
			return err
		}
		if failed := count(results, failed); failed > 0 {
			return fmt.Errorf("%d of %d trials failed; what the exporters logged is in %s", failed, len(results), set.log)
		}
		return nil
	})
}

// doAll does every chosen trial. An error means that nothing can be said.
func doAll(ctx context.Context, set settings, progress io.Writer) (results []result, err error) {
	chosen := choose(allTrials(), set.short, set.only)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no trial has a name with a match of %q", set.only)
	}
	for _, path := range []string{set.exporter, set.actor} {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
	}
	if set.directory, err = os.MkdirTemp(place, "hostile-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(set.directory)) }()
	if err := os.Chmod(set.directory, 0o755); err != nil {
		return nil, err
	}
	for _, path := range []*string{&set.exporter, &set.actor} {
		copied := filepath.Join(set.directory, filepath.Base(*path))
		if err := programs.Copy(*path, copied, ""); err != nil {
			return nil, err
		}
		*path = copied
	}
	log, err := os.OpenFile(filepath.Clean(set.log), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r := &runner{settings: set, log: log, progress: progress}
	defer func() { err = errors.Join(err, r.stopShared()) }()
	for i := range chosen {
		done := r.perform(ctx, &chosen[i])
		if err := context.Cause(ctx); err != nil {
			return results, err
		}
		results = append(results, done)
		r.say(&done, len(results), len(chosen))
	}
	return results, nil
}
