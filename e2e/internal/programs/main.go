package programs

import (
	"context"
	"flag"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// Main runs a program that starts others, and exits with the code that it
// returns. Its context ends with the signals that ask a program to end, so that it
// can take everything back first.
func Main(run func(ctx context.Context, arguments []string, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Flags is the command line of a program that starts others.
type Flags struct {
	*flag.FlagSet
	directory string // of this program
}

// NewFlags returns a command line without flags. Parsing it writes what is wrong to
// stderr and returns an error.
func NewFlags(name string, stderr io.Writer) (*Flags, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	flags := &Flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), directory: filepath.Dir(own)}
	flags.SetOutput(stderr)
	return flags, nil
}

// Beside is a path in the directory of this program.
func (f *Flags) Beside(name string) string { return filepath.Join(f.directory, name) }

// Program defines a flag for the path of a program. Unless it is given the program
// lies in the directory of this one, under its usual name.
func (f *Flags) Program(path *string, flagName, usualName string) {
	f.StringVar(path, flagName, f.Beside(usualName), "`PATH` of the program "+usualName)
}
