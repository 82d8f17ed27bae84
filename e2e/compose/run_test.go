package compose

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

const (
	pagerAddress = "127.0.0.1:9095"
	patience     = 3 * time.Minute // for anything, on a busy machine
)

// output takes what a program says while a test reads it.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// begin starts a command that ends with the test, and with this program.
func begin(t *testing.T, command *exec.Cmd) (*output, <-chan error) {
	t.Helper()
	said := &output{}
	command.Stdout, command.Stderr = said, said
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		ended <- command.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // its group
		<-done
		if t.Failed() {
			t.Logf("%v: %s", command.Args, tail(said.String()))
		}
	})
	return said, ended
}

func tail(text string) string {
	const most = 3000
	if len(text) > most {
		return "... " + text[len(text)-most:]
	}
	return text
}

// eventually waits until the condition has no error.
func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = condition(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// network is a network namespace with a loopback of its own, where the fixed ports of the stack are free.
type network struct{ pid int }

func newNetwork(t *testing.T) network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for namespaces")
	}
	holder := exec.Command("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 600")
	said, _ := begin(t, holder)
	eventually(t, "loopback is up", func() error {
		if !strings.Contains(said.String(), "up") {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
	return network{holder.Process.Pid}
}

// command runs a program in the namespace.
func (n network) command(program string, arguments ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", n.pid), program}, arguments...)...)
}

// get asks a server there.
func (n network) get(url string) (string, error) {
	answer, err := n.command("curl", "--silent", "--show-error", "--fail", "--max-time", "10", url).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, answer)
	}
	return string(answer), nil
}

// outside returns what a path in the container of a service is on the host; other words stay as they are. Of two mounts of
// which one is below the other the lower one counts.
func outside(s types.ServiceConfig, word string, source func(volume types.ServiceVolumeConfig) string) string {
	longest, found := "", word
	for _, volume := range s.Volumes {
		rest, ok := strings.CutPrefix(word, volume.Target)
		if ok && (rest == "" || rest[0] == '/') && len(volume.Target) > len(longest) {
			longest, found = volume.Target, source(volume)+rest
		}
	}
	return found
}

// ownSource is where a volume comes from.
func ownSource(volume types.ServiceVolumeConfig) string { return volume.Source }

// start runs the command of a service with the files that it mounts, but its own data in a directory of the test.
func (n network) start(t *testing.T, s types.ServiceConfig, program string) *output {
	t.Helper()
	data := t.TempDir()
	replace := func(volume types.ServiceVolumeConfig) string {
		if volume.Type == types.VolumeTypeVolume {
			return data
		}
		if s.Name != "alertmanager" || filepath.Ext(volume.Source) != ".yml" {
			return volume.Source
		}
		// Its configuration names other files, by where they are in the container or from where it is itself.
		content, err := os.ReadFile(volume.Source)
		if err != nil {
			t.Fatal(err)
		}
		rewritten := regexp.MustCompile(`(templates|/etc/alertmanager)/\S+`).ReplaceAllStringFunc(string(content), func(name string) string {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(volume.Target), name)
			}
			return outside(s, name, ownSource)
		})
		name := filepath.Join(data, "alertmanager.yml")
		if err := os.WriteFile(name, []byte(rewritten), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	var arguments []string
	for _, word := range s.Command {
		flag, value, found := strings.Cut(word, "=")
		if found {
			word = flag + "=" + outside(s, value, replace)
		}
		arguments = append(arguments, word)
	}
	said, _ := begin(t, n.command(program, arguments...))
	return said
}

func programOf(t *testing.T, variable string) string {
	t.Helper()
	program := os.Getenv(variable)
	if program == "" {
		t.Skipf("%s is not set: make compose-check sets it", variable)
	}
	return program
}

// TestDrill runs the commands of compose.yml in place of their containers: the drill is found with its guardian, comes back
// when it is killed, and is paged.
func TestDrill(t *testing.T) {
	t.Parallel()
	exporter, prometheus, alertmanager := programOf(t, "EXPORTER"), programOf(t, "PROMETHEUS"), programOf(t, "ALERTMANAGER")
	n := newNetwork(t)
	project := load(t)

	pager := service(t, project, "pager")
	page, _ := begin(t, n.command(pager.Command[0], outside(pager, pager.Command[1], ownSource), pager.Command[2]))
	n.start(t, service(t, project, "alertmanager"), alertmanager)
	n.start(t, service(t, project, "prometheus"), prometheus)
	// The host's files are at /host in the container only.
	begin(t, n.command(exporter, "--web.listen-address=127.0.0.1:10042"))
	for _, url := range []string{"http://127.0.0.1:10042/-/ready", "http://127.0.0.1:9090/-/ready", "http://127.0.0.1:9093/-/ready"} {
		eventually(t, url, func() error { _, err := n.get(url); return err })
	}

	playDrill(t, service(t, project, "drill"), "600")
	suspect := regexp.MustCompile(`cryptojack_suspect_info\{[^}]*comm="kdevtmpfsi"[^}]*exe="/tmp/kdevtmpfsi"[^}]*severity="critical"[^}]*suspect="([0-9a-f]+)"`)
	pid, which := "", ""
	eventually(t, "the exporter finds it", func() error {
		metrics, err := n.get("http://127.0.0.1:10042/metrics")
		if err != nil {
			return err
		}
		found := suspect.FindStringSubmatch(metrics)
		if found == nil {
			return fmt.Errorf("no critical kdevtmpfsi in %s", lines(metrics, "suspect_"))
		}
		which = `suspect="` + found[1] + `"`
		guardian := regexp.MustCompile(`cryptojack_suspect_guardian_info\{[^}]*comm="kinsing"[^}]*` + which)
		value := regexp.MustCompile(`cryptojack_suspect_pid\{` + which + `\} (\S+)`).FindStringSubmatch(metrics)
		if !guardian.MatchString(metrics) || value == nil {
			return fmt.Errorf("kinsing is not its guardian in %s", lines(metrics, "suspect_"))
		}
		pid = value[1]
		return nil
	})
	t.Log("found, with its guardian")
	killDrill(t, pid)
	eventually(t, "it comes back", func() error {
		metrics, err := n.get("http://127.0.0.1:10042/metrics")
		if err == nil && !regexp.MustCompile(`cryptojack_suspect_respawns_total\{`+which+`\} [1-9]`).MatchString(metrics) {
			err = fmt.Errorf("it does not in %s", lines(metrics, "suspect_"))
		}
		return err
	})
	t.Log("killed, and back")
	eventually(t, "the page arrives", func() error {
		if said := page.String(); !strings.Contains(said, "PAGE:") || !strings.Contains(said, "kdevtmpfsi") {
			return fmt.Errorf("the pager says %q", tail(said))
		}
		return nil
	})
	t.Logf("%s", page)
}

func lines(text, word string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) && !strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}
