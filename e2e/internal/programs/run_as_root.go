package programs

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// RunAsRoot parses the command line of a program and does its work, if it runs as root;
// why says what for. It returns the exit code: 2 if the work could not begin, 1 if it failed.
func RunAsRoot[S any](name, why string, arguments []string, stderr io.Writer, parse func([]string, io.Writer) (S, error), work func(S) error) int {
	set, err := parse(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && os.Geteuid() != 0 {
		err = fmt.Errorf("needs root: %s", why)
	}
	code := 2
	if err == nil {
		code, err = 1, work(set)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return code
	}
	return 0
}
