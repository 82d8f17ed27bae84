package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestOrphanKeepsItsGuardian starts a burner as malware does to lose its parents:
// with a double fork, in a session of its own. The guardian that did it has to be
// named all the same.
func TestOrphanKeepsItsGuardian(t *testing.T) {
	watching := startExporter(t)
	const guardian, orphan = "/var/tmp/cryptojack-e2e-guardian", "/tmp/cryptojack-e2e-orphan"
	copyProgram(t, "/bin/dash", guardian, "guardian")
	copyProgram(t, "/usr/bin/perl", orphan, "orphan")
	startAsNobody(t, nil, guardian, "-c", "exec >&- 2>&-; (setsid -f "+orphan+" -e '1 while time < $^T + 20' &) ; sleep 25")

	eventually(t, 20*time.Second, "the orphan's guardian", func() error {
		now := scrape(t, watching.url)
		_, found, err := now.one("cryptojack_suspect_info", labels{"exe": orphan})
		if err != nil {
			return err
		}
		_, _, err = now.one("cryptojack_suspect_guardian_info", labels{"suspect": found["suspect"], "exe": guardian, "relation": "ancestor"})
		return err
	})
	pid, err := processByExe(orphan)
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	if guardianPID, err := processByExe(guardian); err != nil || strings.Contains(string(status), fmt.Sprintf("PPid:\t%d\n", guardianPID)) {
		t.Errorf("the orphan is still a child of its guardian (pid %d, %v)", guardianPID, err)
	}
	killBurner(t, orphan)
}

// TestHiddenProcess hides a burner in a mount namespace of its own, before the exporter starts there: by a mount over
// its directory in /proc, and by a /proc that has no such directory, as a rootkit shows it. Without the kernel's list of
// tasks a mount has a name, and its CPU time is left over.
func TestHiddenProcess(t *testing.T) {
	burner := installDirectory + "cryptojack-e2e-hidden"
	copyProgram(t, program(t, "replica"), burner, "hidden")
	hidden := startAsNobody(t, []string{"REPLICA_MODE=burner", "REPLICA_DUTY=1"}, burner)
	pid := strconv.Itoa(hidden.PID)
	const mount = `mount -t tmpfs none "/proc/$1"`
	for name, test := range map[string]struct {
		hide string   // a script; $1 is the pid
		scan []string // the scan's arguments
		want map[string]string
	}{
		"a mount": {mount, []string{"--for=12s"}, map[string]string{"hidden_process": "critical"}},
		"a directory that is not there": {
			`mkdir /mnt/proc && cd /proc && for name in *; do [ "$name" = "$1" ] || ln -s "/proc/$name" "/mnt/proc/$name"; done`,
			[]string{"--for=12s", "--path.procfs=/mnt/proc"},
			map[string]string{"hidden_process": "critical"},
		},
		"a mount, without the kernel's list": {
			mount, []string{"--for=70s", "--no-source.task-iterator"}, map[string]string{"hidden_process": "critical", "cpu_unattributed": "warning"},
		},
	} {
		var found struct {
			Findings []struct {
				Rule, Severity string
				Evidence       []string
			}
		}
		command := []string{
			"--mount", "/bin/sh", "-c", `mount -t tmpfs none /mnt && ` + test.hide + ` && shift && exec "$@"`, "sh", pid,
			program(t, "cryptojack_exporter"), "scan", "--format=json",
		}
		scan := runWithin(t, 2*time.Minute, "/usr/bin/unshare", append(command, test.scan...)...)
		if err := json.Unmarshal([]byte(scan.stdout), &found); err != nil || scan.code != 2 {
			t.Errorf("%s: exit code %d, %v: %s", name, scan.code, err, tail(scan.stdout+scan.stderr, 2000))
			continue
		}
		for rule, severity := range test.want {
			reported := false
			for _, finding := range found.Findings {
				reported = reported || finding.Rule == rule && finding.Severity == severity && strings.Contains(strings.Join(finding.Evidence, "\n"), pid)
			}
			if !reported {
				t.Errorf("%s: %s is no finding of severity %s that names pid %s: %+v", name, rule, severity, pid, found.Findings)
			}
		}
	}
}

const (
	storm       = 20 * time.Second
	stormForks  = 2000 // a second
	stormScript = `$n = 0; for ($end = time + 20; time < $end; $n++) { if (!($p = fork)) { exit } waitpid $p, 0;
		select undef, undef, undef, 0.001 if $n % 10 == 0 } print $n`
)

// TestForkStorm lets some processes fork as fast as they can. The exporter must
// go on, report what it lost, and be exact again after it.
func TestForkStorm(t *testing.T) {
	watching := startExporter(t)
	before := scrape(t, watching.url)
	var storms []*process
	for range 4 {
		storms = append(storms, startAsNobody(t, nil, "/usr/bin/perl", "-e", stormScript))
	}
	eventually(t, 2*storm, "the storm ends, and each scrape in it succeeds", func() error {
		scrape(t, watching.url)
		for _, p := range storms {
			if p.Ended() == nil {
				return fmt.Errorf("pid %d still forks", p.PID)
			}
		}
		return nil
	})
	forks := 0
	for _, p := range storms {
		n, err := strconv.Atoi(p.output.String())
		if err != nil {
			t.Fatal(err)
		}
		forks += n
	}
	rate := float64(forks) / storm.Seconds()
	sampledTwice(t, watching.url)

	after := scrape(t, watching.url)
	grown := func(name string, wanted labels) float64 { return after.sum(name, wanted) - before.sum(name, wanted) }
	lost := grown("cryptojack_events_lost_total", nil)
	starts := grown("cryptojack_origin_starts_total", nil)
	busy, unattributed := grown("cryptojack_cpu_busy_seconds_total", nil), grown("cryptojack_cpu_unattributed_seconds_total", nil)
	t.Logf("%.0f forks a second; of %d processes %.0f were seen, %.0f reports of loss; busy %.1f s, %.1f s of it unattributed",
		rate, forks, starts, lost, busy, unattributed)
	if rate < stormForks/4 {
		t.Errorf("only %.0f forks a second: this is no storm", rate)
	}
	if starts < 0.99*float64(forks) && lost == 0 {
		t.Errorf("%.0f starts of %d were seen, and no loss was reported", starts, forks)
	}

	// Exact again: a burner's time is its own, all of it.
	before = after
	const known = installDirectory + "cryptojack-e2e-known"
	copyProgram(t, program(t, "replica"), known, "known")
	burning := startAsNobody(t, []string{"REPLICA_MODE=burner", "REPLICA_DUTY=1"}, known)
	attributed := func() float64 {
		after = scrape(t, watching.url)
		return grown("cryptojack_process_cpu_seconds_total", labels{"process": filepath.Base(known)})
	}
	// Its first second stays in `other`, where it counted before it had a series.
	eventually(t, time.Minute, "the burner has used fifteen seconds", func() error {
		if got := attributed(); got < 15 {
			return fmt.Errorf("%.2f s are attributed", got)
		}
		return nil
	})
	burning.stop(t)
	used := burning.CPUTime().Seconds()
	eventually(t, 10*time.Second, "the burner's CPU time", func() error {
		got := attributed()
		if got < 0.9*used || got > 1.1*used {
			return fmt.Errorf("%.2f s of %.2f s are attributed", got, used)
		}
		return nil
	})
	if got := grown("cryptojack_events_lost_total", nil); got != 0 {
		t.Errorf("%.0f reports of loss after the storm", got)
	}
}

// sampledTwice waits until the exporter has looked at all processes twice more, so
// that what has ended by now is accounted for.
func sampledTwice(t *testing.T, url string) {
	t.Helper()
	sampled := func() float64 {
		when, _ := scrape(t, url).mustOne(t, "cryptojack_last_sample_timestamp_seconds", labels{"sensor": "process"})
		return when
	}
	for range 2 {
		before := sampled()
		eventually(t, 30*time.Second, "the next sample", func() error {
			if sampled() == before {
				return errors.New("there was none")
			}
			return nil
		})
	}
}

// TestCompileIsAttributed compiles a part of the standard library: hundreds of
// processes, most of them shorter than a sample. Their CPU time has owners, and
// nothing is suspected.
func TestCompileIsAttributed(t *testing.T) {
	watching := startExporter(t)
	before := scrape(t, watching.url)
	cache, err := os.MkdirTemp(binDirectory(t), "cache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(cache) })
	compile := exec.Command("go", "build", "-a", "-o", os.DevNull, "net/http")
	compile.Env = append(os.Environ(), "GOCACHE="+cache, "GOTMPDIR="+cache)
	if output, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	sampledTwice(t, watching.url)

	after := scrape(t, watching.url)
	grown := func(name string) float64 { return after.sum(name, nil) - before.sum(name, nil) }
	busy, unattributed := grown("cryptojack_cpu_busy_seconds_total"), grown("cryptojack_cpu_unattributed_seconds_total")
	attributed := grown("cryptojack_origin_cpu_seconds_total")
	t.Logf("busy %.1f s, attributed %.1f s (%.1f %%), unattributed %.1f s", busy, attributed, 100*attributed/busy, unattributed)
	if busy < 5 || attributed < 0.97*busy || unattributed > 0.03*busy {
		t.Errorf("busy %.1f s, attributed %.1f s, unattributed %.1f s", busy, attributed, unattributed)
	}
	toolchain, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, metric := range after.find("cryptojack_suspect_info", labels{"severity": "critical"}) {
		// What else runs on this host is not what is tested.
		for _, compiler := range []string{strings.TrimSpace(string(toolchain)), cache, "/usr/"} {
			if strings.Contains(metric.String(), `value:"`+compiler) {
				t.Errorf("a compile is called a miner: %s", metric)
			}
		}
	}
}
