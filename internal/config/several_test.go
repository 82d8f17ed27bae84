package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/files"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestSeveralFiles: lists are joined, and what is said of a line names its file.
func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	first := write(t, "allow:\n  - {path: /opt/one, until: 2020-01-01}\nrules: {packed_executable: info}\nprobe: false\npool_addresses: [192.0.2.1]\n")
	second := write(t, "directories: [/srv/in]\nrules: {suspicious_file: off}\nallow:\n\n  - {path: /opt/two, reason: render}\nknown_miner_sha256: ["+knownHash+"]\npool_addresses: [192.0.2.2]\n")
	c, err := Load(first, second)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Policy.Allow) != 2 || len(c.Policy.Pools) != 2 || !c.Policy.IsKnownHash(knownHash) || c.Probe || !slices.Equal(c.Directories, []string{"/srv/in"}) {
		t.Errorf("%+v", c)
	}
	if got, want := c.Policy.Allow[1].Why(), "(line 5 of "+second+"): render"; !strings.Contains(got, want) {
		t.Errorf("%q lacks %q", got, want)
	}
	if got, want := c.Policy.Limits.Word("packed_executable"), "(line 3 of "+first+")"; !strings.Contains(got, want) {
		t.Errorf("%q lacks %q", got, want)
	}
	if c.Policy.Limits["suspicious_file"].Severity != "off" {
		t.Errorf("%+v", c.Policy.Limits)
	}
	if ended := c.Ended(time.Now()); len(ended) != 1 || !strings.Contains(ended[0], "line 2 of "+first) {
		t.Errorf("%q", ended)
	}

	alone, err := Load(second, write(t, "probe: true\n"))
	if err != nil || !alone.Probe || alone.Policy.Limits["packed_executable"].Severity == model.Info {
		t.Errorf("%+v, %v", alone, err)
	}
	none, err := Load(write(t, ""), write(t, "{}\n"))
	if err != nil || !slices.Equal(none.Directories, files.DefaultDirectories()) || !none.Probe {
		t.Errorf("empty files are not the defaults: %+v, %v", none, err)
	}
}

func TestSeveralFilesWithMistakes(t *testing.T) {
	t.Parallel()
	good := write(t, "probe: true\nrules: {packed_executable: info}\ndirectories: [/tmp]\nnotify: {webhook: {url: 'http://127.0.0.1:1/x'}}\n")
	for want, content := range map[string]string{
		"prob":                    "prob: true\n",
		"probe is set before too": "probe: false\n",
		"notify is set before":    "notify: {webhook: {url: 'http://127.0.0.1:2/x'}}\n",
		"packed_executable is set before too: " + good: "rules: {packed_executable: off}\n",
		`"/tmp" is there twice`:                        "directories: [/tmp/]\n",
		"allow, entry 1":                               "allow: [{}]\n",
	} {
		bad := write(t, content)
		if _, err := Load(good, bad); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", content, err)
		}
	}
	if _, err := Load(good, filepath.Join(t.TempDir(), "missing.yml")); err == nil || !strings.Contains(err.Error(), "missing.yml") {
		t.Errorf("%v", err)
	}
}
