package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestBadCommandLine starts the exporter in ways that cannot work. It must say
// why on standard error and end.
func TestBadCommandLine(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	directory := t.TempDir()
	// The unknown key is on line 3.
	unknownKey := writeFile(t, directory, "unknown.yml", "# a comment\n\nno_such_key: 1\n")
	brokenYAML := writeFile(t, directory, "broken.yml", "# a comment\nkey: [1, 2\n")

	for _, test := range []struct {
		name      string
		arguments []string
		wanted    []string // of standard error
	}{
		{"unknown flag", []string{"--no-such-flag"}, []string{"no-such-flag"}},
		{"unknown command", []string{"mine"}, []string{"mine"}},
		{"bad duration", []string{"--process.interval=soon"}, []string{"soon"}},
		{"bad scan time", []string{"scan", "--for=-5s"}, []string{"-5s"}},
		{"bad scan format", []string{"scan", "--format=xml"}, []string{"xml"}},
		{"port in use", []string{"--web.listen-address=" + taken.Addr().String()}, []string{taken.Addr().String(), "in use"}},
		{"config file is missing", []string{"--config.file=" + filepath.Join(directory, "none.yml")}, []string{"none.yml"}},
		{"config key is unknown", []string{"--config.file=" + unknownKey}, []string{"unknown.yml", "line 3", "no_such_key"}},
		{"config is no YAML", []string{"--config.file=" + brokenYAML}, []string{"broken.yml", "line"}},
		{"config check", []string{"--config.check", "--config.file=" + unknownKey}, []string{"unknown.yml", "line 3", "no_such_key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			arguments := test.arguments
			if !strings.Contains(strings.Join(arguments, " "), "listen-address") && arguments[0] != "scan" && arguments[0] != "mine" {
				arguments = append([]string{"--web.listen-address=" + freeAddress(t)}, arguments...)
			}
			got := runToEnd(t, program(t, "cryptojack_exporter"), arguments...)
			if got.code <= 0 {
				t.Errorf("exit code %d, want an error", got.code)
			}
			for _, wanted := range test.wanted {
				if !strings.Contains(got.stderr, wanted) {
					t.Errorf("standard error does not say %q: %s", wanted, got.stderr)
				}
			}
			if strings.Contains(got.stderr, "goroutine ") {
				t.Errorf("it crashed: %s", got.stderr)
			}
		})
	}
}

// TestVersion is what a package's test asks first.
func TestVersion(t *testing.T) {
	t.Parallel()
	version, err := os.ReadFile("../VERSION")
	if err != nil {
		t.Fatal(err)
	}
	got := runToEnd(t, program(t, "cryptojack_exporter"), "--version")
	wanted := "cryptojack_exporter, version " + strings.TrimSpace(string(version))
	if got.code != 0 || !strings.Contains(got.stdout+got.stderr, wanted) {
		t.Errorf("--version exits %d with %q, want 0 and %q", got.code, got.stdout+got.stderr, wanted)
	}
}

// TestNameNotUTF8 runs a program whose name is no text. A scrape must stay
// valid and still report it.
func TestNameNotUTF8(t *testing.T) {
	name := "e2e-\xff\xfe\n\x1b[31m"
	path := "/tmp/" + name
	copyProgram(t, program(t, "replica"), path, "not utf-8")
	startAsNobody(t, []string{"REPLICA_MODE=sleeper"}, path)

	watching := startExporter(t)
	eventually(t, 15*time.Second, "the process is reported under an escaped name", func() error {
		now, err := tryScrape(watching.url)
		if err != nil {
			return err
		}
		_, _, err = now.one("cryptojack_suspect_info", labels{"comm": `e2e-\xff\xfe\x0a\x1b[31m`})
		return err
	})
	collectors := scrape(t, watching.url).find("cryptojack_scrape_collector_success", nil)
	if len(collectors) == 0 {
		t.Error("there is no cryptojack_scrape_collector_success")
	}
	for _, collector := range collectors {
		if value(collector) != 1 {
			t.Errorf("a collector fails: %v", collector)
		}
	}
	scan := runToEnd(t, program(t, "cryptojack_exporter"), "scan", "--for=1s", askNobody(t))
	if !utf8.ValidString(scan.stdout) || strings.Contains(scan.stdout, "\x1b") {
		t.Errorf("scan writes raw bytes of a name: %q", scan.stdout)
	}
}
