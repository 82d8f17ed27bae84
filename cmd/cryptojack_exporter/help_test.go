package main

import (
	"context"
	"regexp"
	"strings"
	"testing"
)

// TestHelpIsGrouped: every flag is shown once, below the group that it belongs to.
func TestHelpIsGrouped(t *testing.T) {
	t.Parallel()
	var stdout, stderr lockedBuffer
	if code := run(context.Background(), []string{"scan", "--help"}, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	help := stdout.String()
	for _, all := range flagsByCommand() {
		for _, flag := range all {
			name := strings.TrimPrefix(flag, "no-")
			if shown := len(regexp.MustCompile(`(?m)^  (?:-., |    )--(?:\[no-\])?`+regexp.QuoteMeta(name)+`\b`).FindAllString(help, -1)); shown > 1 {
				t.Errorf("--%s is shown %d times", name, shown)
			}
		}
	}
	last := -1
	for _, want := range []string{"\nFlags:\n", "--for=", "\nConfiguration and log:\n", "--findings.log", "  --config.file=", "\nWeb:\n", "--web.listen-address", "\nWhat is looked at:\n", "--[no-]collector.files", "\nHow it is looked at:\n", "--process.interval"} {
		at := strings.Index(help, want)
		if at <= last {
			t.Errorf("%q is missing, or not in its place:\n%s", want, help)
		}
		last = at
	}
}
