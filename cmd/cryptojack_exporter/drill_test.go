package main

import (
	"context"
	"strings"
	"testing"
)

func TestDrill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		arguments []string
		holds     []string
	}{
		{[]string{"drill"}, []string{"http://localhost:10042/ is red", "\n   10 min after that", "cp \"$(command -v sleep)\" /tmp/kdevtmpfsi"}},
		{[]string{"drill", "--web.listen-address=[::1]:9999", "--findings.hold=2h"}, []string{"http://localhost:9999/ is red", "\n   2 h after that"}},
		{[]string{"drill", "--web.config.file=/etc/x.yml", "--findings.hold=90s"}, []string{"The exporter's page is red", "\n   1m30s after that"}},
	} {
		var stdout, stderr lockedBuffer
		if code := run(context.Background(), c.arguments, &stdout, &stderr); code != exitOK {
			t.Errorf("%v: exit code %d: %s", c.arguments, code, &stderr)
		}
		for _, want := range c.holds {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("%v lacks %q:\n%s", c.arguments, want, &stdout)
			}
		}
	}
}
