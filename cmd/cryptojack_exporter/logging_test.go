package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/go-kit/log/level"
)

func TestLogMasksPasswords(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"logfmt", "json"} {
		var out bytes.Buffer
		logger, base := newLogger(&out, format, "info")
		level.Warn(logger).Log("msg", "finding", "title", "x --password=sesame", "err", errors.New("get http://me:sesame@h/: refused"), "n", 3) //nolint:errcheck // it is the test's buffer
		newSlog(base).Error("x", "err", "token=sesame")
		if got := out.String(); strings.Contains(got, "sesame") || strings.Count(got, "***") != 3 || !strings.Contains(got, "http://me:") {
			t.Errorf("%s: %s", format, got)
		}
	}
}
