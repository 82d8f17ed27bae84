// Command cryptojack_exporter finds cryptojacking on a Linux host, as a
// Prometheus exporter or in one look for a person.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/privileges"
)

// The exit codes of `scan` are those of Nagios plugins; a server that cannot
// run exits with exitFailure.
const (
	exitOK      = 0
	exitFailure = 1
	exitChanged = 1 // of `scan --diff`
	exitUnknown = 3
)

func main() {
	parentDeath := privileges.ParentDeathSignal()
	if err := privileges.TakeUp(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", programName, err) // it goes on, and says what it cannot see
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr, func(o *options, p *privileged, logger log.Logger) {
		confine(parentDeath, o, p, logger)
	})
	stop()
	os.Exit(code)
}

// execute is the whole program but for the process around it: what changes that for good is passed in.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer, confine func(*options, *privileged, log.Logger)) int {
	options, code, done := parseFlags(args, stdout, stderr)
	if done {
		return code
	}
	options.confine = confine
	switch options.command {
	case commandScan:
		return scan(ctx, options, stdout, stderr)
	case commandAssets:
		return writeAssets(options, stdout, stderr)
	case commandWatch:
		return watch(ctx, options, stderr)
	case commandHealthcheck:
		return healthcheck(ctx, options, stdout, stderr)
	case commandDrill:
		return drill(options, stdout, stderr)
	default:
		return serve(ctx, options, stdout, stderr)
	}
}
