// Soak runs the exporter for a long time while everything around it comes and goes:
// processes, infections, files, network namespaces, containers, requests, reloads. It fails
// if what the exporter holds (memory, goroutines, file descriptors, series) grows with the
// time. It needs root, and starts nothing that mines.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

func main() { programs.Main(run) }

// settings are the parsed command line.
type settings struct {
	exporter, burner string // paths
	time             time.Duration
	warmUp           time.Duration // before anything is compared
	every            time.Duration // between two measurements
}

func parse(arguments []string, stderr io.Writer) (settings, error) {
	var set settings
	flags, err := programs.NewFlags("soak", stderr)
	if err != nil {
		return set, err
	}
	flags.Program(&set.exporter, "exporter", "cryptojack_exporter")
	flags.Program(&set.burner, "burner", "burner")
	flags.DurationVar(&set.time, "time", 2*time.Hour, "`TIME` to run; of its first fifth nothing is compared")
	flags.DurationVar(&set.every, "every", 0, "`TIME` between two measurements; 0 makes 90 of them")
	if err := flags.Parse(arguments); err != nil {
		return set, err
	}
	if set.time < time.Minute || set.every < 0 || flags.NArg() > 0 {
		return set, errors.New("give a -time of at least 1m, no negative -every, and no arguments")
	}
	set.warmUp = set.time / 5
	if set.every == 0 {
		set.every = max(set.time/90, time.Second)
	}
	return set, nil
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	return programs.RunAsRoot("soak", "it makes network namespaces and cgroups, and the exporter asks the kernel for events", arguments, stderr, parse, func(set settings) error {
		return soak(ctx, set, stdout, stderr)
	})
}

func soak(ctx context.Context, set settings, stdout, stderr io.Writer) (err error) {
	// Not in /tmp: what lies there by itself is a suspect.
	own, err := os.Executable()
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp(filepath.Dir(own), "soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	log, err := os.Create(filepath.Join(directory, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	config := filepath.Join(directory, "config.yml")
	if err := os.WriteFile(config, []byte(goodConfig), 0o644); err != nil {
		return err
	}
	// What is found is forgotten soon, so that much is forgotten in a short run too.
	command := exec.Command(set.exporter, "serve", "--web.enable-pprof", "--config.file="+config, "--findings.hold=10s", "--respawn.window=10s", "--log.level=warn")
	command.Stdout, command.Stderr = log, log
	exporter, err := programs.StartServer(ctx, command, "/-/ready")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, exporter.Stop()) }()

	l := newLoad(set.burner, directory, config, exporter)
	loading, stop := context.WithCancel(ctx)
	l.start(loading)
	samples, err := observe(ctx, set, l, stderr)
	stop()
	err = errors.Join(err, l.end(), exporter.Ended())
	if err != nil {
		return errors.Join(err, show(log.Name(), stderr))
	}
	verdicts := judge(afterWarmUp(samples, set.warmUp))
	table(stdout, set, verdicts, l.counts())
	if err := grown(verdicts); err != nil {
		return errors.Join(err, show(log.Name(), stderr))
	}
	return l.checkSeen()
}

// show writes the end of the exporter's log, which is removed afterwards.
func show(log string, stderr io.Writer) error {
	content, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	const end = 8 << 10
	fmt.Fprintf(stderr, "the end of the exporter's log:\n%s\n", content[max(0, len(content)-end):])
	return nil
}
