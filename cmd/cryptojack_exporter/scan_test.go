package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// fakeHost writes a /proc of one process besides pid 1, and returns the flags
// that make it the host.
func fakeHost(t *testing.T, exe string) []string {
	t.Helper()
	proc := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("stat", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\nbtime 1700000000\n")
	for pid, program := range map[int]string{1: "/usr/lib/systemd/systemd", 812: exe} {
		directory := fmt.Sprint(pid, "/")
		write(directory+"stat", fmt.Sprintf("%d (%.15s) S %d 0 0 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 100 4096 10"+strings.Repeat(" 0", 28)+"\n",
			pid, filepath.Base(program), min(1, pid-1)))
		write(directory+"status", fmt.Sprintf("Name:\tx\nPid:\t%d\nTgid:\t%d\nNSpid:\t%d\nUid:\t0\t0\t0\t0\n", pid, pid, pid))
		write(directory+"cmdline", program+"\x00")
		write(directory+"cgroup", "0::/\n")
		for _, table := range []string{"tcp", "udp"} {
			write(directory+"net/"+table, "  sl  local_address rem_address   st\n")
		}
		if err := os.MkdirAll(filepath.Join(proc, directory, "fd"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, filepath.Join(proc, directory, "exe")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(proc, "1/ns"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pid:[4026531836]", filepath.Join(proc, "1/ns/pid")); err != nil { // the host's
		t.Fatal(err)
	}
	return []string{"--path.procfs=" + proc, "--path.rootfs=" + t.TempDir()}
}

// TestScan holds the exit codes, and the first word and the first suspect of the
// report.
func TestScan(t *testing.T) {
	t.Parallel()
	for exe, want := range map[string]struct {
		code  int
		first string
	}{
		"/usr/bin/worker": {0, "OK:"},
		"/tmp/worker":     {1, "WARNING:"},
		"/opt/kinsing":    {2, "CRITICAL:"},
	} {
		t.Run(exe, func(t *testing.T) {
			t.Parallel()
			for _, format := range []string{formatText, formatJSON} {
				var stdout, stderr lockedBuffer
				arguments := append([]string{"scan", "--for=300ms", "--format=" + format}, fakeHost(t, exe)...)
				if code := run(context.Background(), arguments, &stdout, &stderr); code != want.code {
					t.Errorf("%s: exit code %d, want %d: %s%s", format, code, want.code, &stdout, &stderr)
				}
				if format == formatText && !strings.HasPrefix(stdout.String(), want.first) {
					t.Errorf("the report begins %.100q, want %s", stdout.String(), want.first)
				}
				if want.code > 0 && !strings.Contains(stdout.String(), exe) {
					t.Errorf("the report does not name %s: %s", exe, &stdout)
				}
				if stderr.String() != "" {
					t.Errorf("stderr: %s", &stderr)
				}
			}
		})
	}
}

// TestScanAsMetrics: a textfile collector can read it, and it has what was found and nothing else.
func TestScanAsMetrics(t *testing.T) {
	t.Parallel()
	var stdout, stderr lockedBuffer
	if code := run(context.Background(), append([]string{"scan", "--for=300ms", "--format=prom"}, fakeHost(t, "/opt/kinsing")...), &stdout, &stderr); code != 2 {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(stdout.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cryptojack_findings", "cryptojack_suspects", "cryptojack_suspect_info", "cryptojack_exposed_services"} {
		if families[name] == nil {
			t.Errorf("%s is missing: %s", name, &stdout)
		}
	}
	for name := range families {
		if strings.HasPrefix(name, "cryptojack_scrape_") || strings.HasPrefix(name, "cryptojack_process_") || strings.HasPrefix(name, "go_") {
			t.Errorf("%s is of the exporter, or goes up and down with it", name)
		}
	}
	if !strings.Contains(stdout.String(), `cryptojack_suspects{severity="critical"} 1`) {
		t.Errorf("the suspect is not counted: %s", &stdout)
	}
}

// TestRedactedScan: neither the host nor arguments are named.
func TestRedactedScan(t *testing.T) {
	t.Parallel()
	var stdout, stderr lockedBuffer
	arguments := append([]string{"scan", "--for=300ms", "--redact"}, fakeHost(t, "/home/alice/kinsing")...)
	if code := run(context.Background(), arguments, &stdout, &stderr); code != 2 {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	if got := stdout.String(); strings.Contains(got, "alice") || !strings.Contains(got, "/home/USER1/kinsing") {
		t.Errorf("%s", got)
	}
	for _, refused := range [][]string{{"--format=prom"}, {"--explain=812"}, {"--diff=defaults"}} {
		if code := run(context.Background(), append([]string{"scan", "--redact"}, refused...), &stdout, &stderr); code != exitUnknown {
			t.Errorf("--redact with %v: exit code %d", refused, code)
		}
	}
}

// TestInterruptedScan: whoever stops a scan still gets its report. Here it is stopped
// before it has looked at anything, and must not say that all is well.
func TestInterruptedScan(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(context.Background())
	stop()
	var stdout, stderr lockedBuffer
	code := run(ctx, append([]string{"scan", "--for=1h"}, fakeHost(t, "/usr/bin/worker")...), &stdout, &stderr)
	if code != exitUnknown {
		t.Errorf("exit code %d, want %d", code, exitUnknown)
	}
	if stdout.String() == "" {
		t.Errorf("no report: %s", &stderr)
	}
}

// TestDiff compares a file with the defaults and with another, on one look each.
func TestDiff(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(directory, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	lowers, same, wrong := write("lowers.yml", "allow: [{path: /opt/*, reason: bench}]"), write("same.yml", "allow: [{path: /opt/**}]"), write("wrong.yml", "alow: []")
	for name, test := range map[string]struct {
		arguments []string
		code      int
		says      string
	}{
		"lowered":               {[]string{"--config.file=" + lowers, "--diff=defaults"}, exitChanged, "LOWERED  critical -> info  /opt/kinsing"},
		"raised":                {[]string{"--diff=" + lowers}, exitChanged, "RAISED   info -> critical  /opt/kinsing"},
		"the same":              {[]string{"--config.file=" + same, "--diff=" + lowers}, exitOK, "Nothing changes"},
		"the same as JSON":      {[]string{"--config.file=" + same, "--diff=" + lowers, "--format=json"}, exitOK, `"changes": []`},
		"mistake in the old":    {[]string{"--diff=" + wrong}, exitUnknown, "--diff: configuration " + wrong + ": "},
		"mistake in the new":    {[]string{"--config.file=" + wrong, "--diff=defaults"}, exitUnknown, "alow"},
		"no such file":          {[]string{"--diff=" + directory + "/none"}, exitUnknown, "/none"},
		"nothing can be seen":   {[]string{"--diff=defaults", "--no-collector.process", "--no-collector.respawn", "--no-collector.findings"}, exitUnknown, "no process could be looked at"},
		"two questions at once": {[]string{"--diff=defaults", "--explain=812"}, exitUnknown, "--diff and --explain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr lockedBuffer
			arguments := append([]string{"scan", "--for=300ms"}, fakeHost(t, "/opt/kinsing")...)
			if code := run(context.Background(), append(arguments, test.arguments...), &stdout, &stderr); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if said := stdout.String() + stderr.String(); !strings.Contains(said, test.says) {
				t.Errorf("%q is not said: %s", test.says, said)
			}
		})
	}
}

// TestSuggestedEntryWorks pastes the entry that --explain prints into a configuration,
// which lowers the finding then.
func TestSuggestedEntryWorks(t *testing.T) {
	t.Parallel()
	arguments := append([]string{"scan", "--for=300ms", "--explain=812"}, fakeHost(t, "/opt/[it's]\n/kinsing")...)
	var before, after, stderr lockedBuffer
	if code := run(context.Background(), arguments, &before, &stderr); code != 2 {
		t.Fatalf("exit code %d: %s%s", code, &before, &stderr)
	}
	_, entry, found := strings.Cut(before.String(), "This entry would lower it:\n\n")
	entry, _, more := strings.Cut(entry, "\n\n")
	if !found || !more {
		t.Fatalf("no entry: %s", &before)
	}
	file := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(file, []byte(entry+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run(context.Background(), append(arguments, "--config.file="+file), &after, &stderr); code != exitOK {
		t.Errorf("exit code %d with\n%s\n%s%s", code, entry, &after, &stderr)
	}
	if want := "(line 2): say why, and who knows"; !strings.Contains(after.String(), want) || strings.Contains(after.String(), "would lower it") {
		t.Errorf("%q is not said: %s", want, &after)
	}
}
