package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// capabilities are those that docs/permissions.md and the unit give it, by name.
func capabilities() map[string]uintptr {
	return map[string]uintptr{
		"CAP_SYS_PTRACE": unix.CAP_SYS_PTRACE, "CAP_DAC_READ_SEARCH": unix.CAP_DAC_READ_SEARCH, "CAP_NET_ADMIN": unix.CAP_NET_ADMIN,
		"CAP_BPF": unix.CAP_BPF, "CAP_PERFMON": unix.CAP_PERFMON,
	}
}

// aspects are what cryptojack_visibility_ratio is about on any host.
func aspects() []string {
	return []string{"stat", "exe", "fd", "cgroup", "temp", "netns", "persistence"}
}

// loss is what it loses without a capability, and what its log says once.
type loss struct {
	aspects []string // of cryptojack_visibility_ratio
	sources []string // of cryptojack_event_source_active
	said    string
}

// losses are those of each capability by itself; the table in docs/permissions.md has the same.
func losses() map[string]loss {
	return map[string]loss{
		"CAP_SYS_PTRACE":      {aspects: []string{"exe"}, said: "give CAP_SYS_PTRACE, or run it as root"},
		"CAP_DAC_READ_SEARCH": {aspects: []string{"temp", "persistence"}, said: "give CAP_DAC_READ_SEARCH, or run it as root"},
		"CAP_NET_ADMIN":       {said: "give CAP_NET_ADMIN, or run it as root"}, // BPF programs tell what taskstats would
		"CAP_BPF":             {sources: []string{"task_iterator"}, said: "give CAP_BPF and CAP_PERFMON"},
		"CAP_PERFMON":         {sources: []string{"task_iterator"}, said: "give CAP_BPF and CAP_PERFMON"},
	}
}

// TestEachCapabilitysLoss starts it with all capabilities but one, for each of them, with none, and as a container's root with
// all of them, who may change the user or not. It always works, shows exactly what is lost, and says once what to give.
func TestEachCapabilitysLoss(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to give capabilities: run `make e2e`")
	}
	// Another user's: a directory that only its owner may search, and a process that sleeps.
	closed := filepath.Join("/tmp", "cryptojack-e2e-closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(closed) })
	own(t, closed, writeFile(t, closed, "note", "nothing"))
	startAsNobody(t, nil, "/bin/sleep", "600")

	// Somebody without capabilities has to be able to run and read these.
	const exporter = installDirectory + "cryptojack-e2e-exporter"
	copyProgram(t, program(t, "cryptojack_exporter"), exporter, "")
	config := filepath.Join(directoryForNobody(t), "quiet.yml")
	if err := os.WriteFile(config, []byte("probe: false\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(config), 0o755); err != nil {
		t.Fatal(err)
	}

	const somebody = 61000 // whose processes are no others
	as := func(held ...string) *exec.Cmd {
		command := exec.Command(exporter, "--config.file="+config)
		command.Dir = "/"
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
		for _, name := range held {
			command.SysProcAttr.AmbientCaps = append(command.SysProcAttr.AmbientCaps, capabilities()[name])
		}
		return command
	}
	var all, numbers []string
	for name, number := range capabilities() {
		all = append(all, name)
		numbers = append(numbers, fmt.Sprint("+cap_", number))
	}
	container := func(more ...string) *exec.Cmd {
		return exec.Command("setpriv", "--bounding-set=-all,"+strings.Join(append(more, numbers...), ","), exporter, "--config.file="+config)
	}

	type variant struct {
		name    string
		server  *server
		loss    loss
		said    []string
		missing []string
	}
	variants := []variant{
		{name: "all five", server: startServer(t, as(all...))},
		{name: "a container's root", server: startServer(t, container()), said: []string{"it stays root"}},
		{
			name: "a container's root that may change the user", server: startServer(t, container("+setuid", "+setgid", "+setpcap")),
			said: []string{"it goes on as its own user"},
		},
	}
	messages := as(slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == "CAP_NET_ADMIN" })...)
	messages.Args = append(messages.Args, "--no-source.task-iterator")
	variants = append(variants, variant{
		name: "without CAP_NET_ADMIN and BPF programs", server: startServer(t, messages), missing: []string{"CAP_NET_ADMIN"},
		loss: loss{sources: []string{"taskstats", "task_iterator"}}, said: []string{"register for exit accounts (taskstats): give CAP_NET_ADMIN"},
	})
	everything := variant{name: "none", server: startServer(t, as()), loss: loss{aspects: []string{"fd"}, sources: []string{"taskstats"}}, missing: all}
	for name, lost := range losses() {
		others := slices.DeleteFunc(slices.Clone(all), func(other string) bool { return other == name })
		variants = append(variants, variant{
			name: "without " + name, server: startServer(t, as(others...)), loss: lost, said: []string{lost.said}, missing: []string{name},
		})
		everything.loss.aspects = append(everything.loss.aspects, lost.aspects...)
		everything.loss.sources = append(everything.loss.sources, lost.sources...)
		if !slices.Contains(everything.said, lost.said) {
			everything.said = append(everything.said, lost.said)
		}
	}
	for _, v := range append(variants, everything) {
		t.Run(v.name, func(t *testing.T) {
			eventually(t, 30*time.Second, "it shows what it cannot see, and nothing else", func() error {
				now, err := tryScrape(v.server.url)
				if err != nil {
					return err
				}
				return v.loss.shownBy(now)
			})
			log := v.server.output.String()
			for _, sentence := range v.said {
				if got := strings.Count(log, sentence); got != 1 {
					t.Errorf("its log says %d times %q:\n%s", got, sentence, tail(log, 3000))
				}
			}
			for name := range capabilities() {
				if gives := strings.Contains(log, "give "+name+" ") || strings.Contains(log, "give "+name+","); gives && len(v.missing) == 0 {
					t.Errorf("it asks for %s and has it:\n%s", name, tail(log, 3000))
				}
			}
		})
	}
}

// shownBy compares the loss with what is served.
func (l loss) shownBy(now metrics) error {
	for _, aspect := range aspects() {
		ratio, _, err := now.one("cryptojack_visibility_ratio", labels{"aspect": aspect})
		if err != nil {
			return err
		}
		// A process that ends while it is read is no loss.
		if lost := slices.Contains(l.aspects, aspect); lost && ratio >= 1 || !lost && ratio < 0.9 {
			return fmt.Errorf("of %s it sees %g", aspect, ratio)
		}
	}
	for _, source := range []string{"poll", "proc_connector", "taskstats", "task_iterator"} {
		active, _, err := now.one("cryptojack_event_source_active", labels{"source": source})
		if err != nil {
			return err
		}
		if source == "proc_connector" {
			continue // from Linux 6.6 on anybody may listen to it
		}
		if lost := slices.Contains(l.sources, source); lost != (active == 0) {
			return fmt.Errorf("%s is %g", source, active)
		}
	}
	for _, collector := range now.find("cryptojack_scrape_collector_success", nil) {
		if value(collector) != 1 {
			return fmt.Errorf("a collector fails: %v", collector)
		}
	}
	return nil
}

// TestEachLossIsDocumented: the table in docs/permissions.md has a row for each capability, which names the same metrics.
func TestEachLossIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, lost := range losses() {
		found := false
		for row := range strings.Lines(string(page)) {
			if !strings.HasPrefix(row, "| `"+name+"` |") {
				continue
			}
			found = true
			for _, metric := range slices.Concat(lost.aspects, lost.sources) {
				if !strings.Contains(row, "`"+metric+"`") {
					t.Errorf("the row of %s in docs/permissions.md does not name %s: %s", name, metric, row)
				}
			}
		}
		if !found {
			t.Errorf("docs/permissions.md has no row for %s", name)
		}
	}
}
