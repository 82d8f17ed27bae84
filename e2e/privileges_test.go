package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// TestPrivileges: started as root it goes on as a user of its own, in every thread, with three capabilities and no way to
// others; and it sees as much as root does.
func TestPrivileges(t *testing.T) {
	watching := startExporter(t)
	const none = "0000000000000000"
	const kept = "0000000000081004" // NET_ADMIN, DAC_READ_SEARCH, SYS_PTRACE
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", watching.PID))
	if err != nil || len(threads) < 2 {
		t.Fatalf("%d threads, %v", len(threads), err)
	}
	user := ""
	for _, thread := range threads {
		status := statusOf(t, thread)
		for field, want := range map[string]string{
			"CapPrm": kept, "CapEff": kept, "CapInh": none, "CapBnd": none, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Groups": "",
		} {
			if status[field] != want {
				t.Errorf("%s: %s is %q, want %q", thread, field, status[field], want)
			}
		}
		ids := strings.Fields(status["Uid"])
		if len(ids) != 4 || slices.Contains(ids, "0") || ids[0] == strconv.Itoa(programs.Nobody) || len(slices.Compact(ids)) != 1 || user != "" && ids[0] != user {
			t.Errorf("%s: its users are %s, others' %s", thread, status["Uid"], user)
		}
		user = ids[0]
	}
	now := scrape(t, watching.url)
	for _, source := range []string{"poll", "proc_connector", "taskstats", "task_iterator"} {
		if active, _ := now.mustOne(t, "cryptojack_event_source_active", labels{"source": source}); active != 1 {
			t.Errorf("%s is not active", source)
		}
	}
	if said := strings.Count(watching.output.String(), "it goes on as its own user"); said != 1 {
		t.Errorf("that it changed the user is said %d times", said)
	}
}

// statusOf reads proc_pid_status(5).
func statusOf(t *testing.T, path string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	return fields
}

// TestReloadAsItsOwnUser: a configuration that only root may read is read again, long after root was left.
func TestReloadAsItsOwnUser(t *testing.T) {
	t.Parallel()
	config := writeFile(t, t.TempDir(), "config.yml", "probe: false\n")
	watching := startServer(t, exec.Command(program(t, "cryptojack_exporter"), "--config.file="+config))
	if info, err := os.Stat(config); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := syscall.Kill(watching.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "it reads the configuration again", func() error {
		if !strings.Contains(watching.output.String(), "configuration read") {
			return fmt.Errorf("its log: %s", tail(watching.output.String(), 500))
		}
		return nil
	})
	if ok, _ := scrape(t, watching.url).mustOne(t, "cryptojack_config_last_reload_successful", nil); ok != 1 {
		t.Error("it could not be read")
	}
}

// TestCreatesNothing: while it looks, is scraped and read by people, it has no child, no file open for writing, and no
// sockets but those that it answers, asks and listens to the kernel with.
func TestCreatesNothing(t *testing.T) {
	watching := startExporter(t)
	folder := fmt.Sprintf("/proc/%d/", watching.PID)
	kind := regexp.MustCompile(`^(socket|anon_inode|pipe):`)
	stays(t, 8*time.Second, "it creates nothing", func() error {
		for _, page := range []string{"/metrics", "/", "/api/v1/findings"} {
			response, err := http.Get(watching.url + page)
			if err != nil {
				return err
			}
			_ = response.Body.Close()
		}
		children, err := filepath.Glob(folder + "task/*/children")
		if err != nil || len(children) == 0 {
			return fmt.Errorf("%d threads, %w", len(children), err)
		}
		for _, name := range children {
			if content, err := os.ReadFile(name); err == nil && len(content) > 0 {
				return fmt.Errorf("it has a child: %s", content)
			}
		}
		descriptors, err := filepath.Glob(folder + "fd/*")
		if err != nil || len(descriptors) == 0 {
			return fmt.Errorf("%d descriptors, %w", len(descriptors), err)
		}
		for _, descriptor := range descriptors {
			target, err := os.Readlink(descriptor)
			info, err2 := os.ReadFile(folder + "fdinfo/" + filepath.Base(descriptor))
			if err != nil || err2 != nil || kind.MatchString(target) {
				continue // closed by now, or no file
			}
			_, flags, _ := strings.Cut(string(info), "flags:")
			flags, _, _ = strings.Cut(flags, "\n")
			bits, err := strconv.ParseInt(strings.TrimSpace(flags), 8, 64)
			if err != nil || bits&unix.O_ACCMODE != unix.O_RDONLY {
				return fmt.Errorf("%s is open for writing (%s, %w)", target, flags, err)
			}
		}
		return nil
	})
}

// TestUnitScore: the unit's sandbox does not become weaker. What is left is what it looks at and asks.
func TestUnitScore(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze, which rates the unit")
	}
	const most = "27" // tenths
	rated := runToEnd(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+most, "../deploy/cryptojack_exporter.service")
	if rated.code != 0 {
		t.Errorf("systemd-analyze security exits %d:\n%s%s", rated.code, rated.stdout, rated.stderr)
	}
}
