package programs

import (
	"errors"
	"flag"
	"io"
	"os"
	"testing"
)

// TestRunAsRoot: what could not begin is told from what failed.
func TestRunAsRoot(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	failed := 1
	succeeded := 0
	if os.Geteuid() != 0 {
		failed, succeeded = 2, 2
	}
	for name, test := range map[string]struct {
		parsed, worked error
		want           int
	}{
		"help":            {flag.ErrHelp, broken, 0},
		"wrong arguments": {broken, nil, 2},
		"it fails":        {nil, broken, failed},
		"it succeeds":     {nil, nil, succeeded},
	} {
		parse := func([]string, io.Writer) (int, error) { return 7, test.parsed }
		got := RunAsRoot("x", "of a test", nil, io.Discard, parse, func(set int) error {
			if set != 7 {
				t.Errorf("%s: it works with %d", name, set)
			}
			return test.worked
		})
		if got != test.want {
			t.Errorf("%s: exit code %d, want %d", name, got, test.want)
		}
	}
}
