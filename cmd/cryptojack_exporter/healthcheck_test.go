package main

import (
	"context"
	"strings"
	"testing"
)

// TestHealthcheck asks a server that runs, at the address that it listens at, and one that does not.
func TestHealthcheck(t *testing.T) {
	t.Parallel()
	s := start(t)
	address := strings.TrimPrefix(s.url, "http://")
	for _, test := range []struct {
		arguments      []string
		code           int
		stdout, stderr string
	}{
		{[]string{"--web.listen-address=" + address}, exitOK, "healthy: " + s.url + "/-/healthy\n", ""},
		{[]string{"--web.listen-address=" + address, "--web.listen-address=127.0.0.1:1"}, exitFailure, "", "connection refused"},
		{[]string{"--no-such-flag"}, exitFailure, "", "--no-such-flag"},
	} {
		var stdout, stderr lockedBuffer
		code := run(context.Background(), append([]string{"healthcheck"}, test.arguments...), &stdout, &stderr)
		if code != test.code || stdout.String() != test.stdout || !strings.Contains(stderr.String(), test.stderr) || strings.Count(stderr.String(), "\n") > 1 {
			t.Errorf("healthcheck %v: %d, %q, %q, want %d, %q, a line with %q", test.arguments, code, &stdout, &stderr, test.code, test.stdout, test.stderr)
		}
	}
}
