package sockets

import (
	"strings"
	"testing"
)

func TestLogFileOf(t *testing.T) {
	t.Parallel()
	for want, argv := range map[string][]string{
		"/opt/flink/log/a\xff.log": {"java", "-Xmx1g", "-Dlog.file=/opt/flink/log/a\xff.log", "-Dlog.file=/other"},
		"/b":                       {"-Dlog.file=relative", "-Dlog.file=/" + strings.Repeat("x", maxPath), "-Dlog.file=/b"},
		"":                         {"-Dlog.file", "log.file=/c", "x-Dlog.file=/d"},
	} {
		if got := logFileOf(argv); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
