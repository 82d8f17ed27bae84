package e2e

import (
	"cmp"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/webhook"
)

// posted is what these tests read of a notification.
type posted struct {
	Event    string    `json:"event"`
	Host     string    `json:"host"`
	Text     string    `json:"text"`
	Findings []finding `json:"findings"`
}

// about is the first message that tells of a program.
func about(r *webhook.Receiver[posted], exe string) (found webhook.Message[posted], times int) {
	for _, message := range r.Messages() {
		for _, f := range message.Body.Findings {
			if f.Suspect == nil || f.Suspect.Exe != exe {
				continue
			}
			if times++; times == 1 {
				found = message
			}
		}
	}
	return found, times
}

// notified is an attack, played by a harmless program, that shows what it is without a history of CPU use.
type notified struct {
	name      string
	directory string // of its own
	program   string
	argv      []string
}

func notifiedAttacks() []notified {
	return []notified{
		{"known name in /tmp", "/tmp/cryptojack-e2e-notify-", "kdevtmpfsi", nil},
		{"arguments of a miner, installed program", "/usr/local/lib/cryptojack-e2e-notify-", "worker", []string{"worker", "-o", "stratum+tcp://127.66.0.9:3333", "--donate-level", "1"}},
		{"hidden directory in /var/tmp, name of a kernel thread", "/var/tmp/.cryptojack-e2e-notify-", "kswapd0", nil},
		{"/dev/shm, called like a kernel thread", "/dev/shm/cryptojack-e2e-notify-", "x", []string{"[kworker/0:2]"}},
	}
}

// start begins round n of the attack and returns the path of its program, and when it began.
func (a notified) start(t *testing.T, n int) (*process, string, time.Time) {
	t.Helper()
	directory := fmt.Sprint(a.directory, n)
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(directory) }) // copyProgram says what is left
	exe := filepath.Join(directory, a.program)
	copyProgram(t, program(t, "replica"), exe, exe)
	time.Sleep(2 * time.Second) // the file has been there for a while
	command := exec.Command(exe)
	if a.argv != nil {
		command.Args = a.argv
	}
	command.Env = append(os.Environ(), "REPLICA_MODE=burner", "REPLICA_DUTY=0.1")
	programs.AsNobody(command)
	began := time.Now()
	return start(t, command), exe, began
}

// TestNotify: without Prometheus, an attack is posted to a webhook, once. How long that takes from the execve on is told, not judged:
// other work may go on here.
func TestNotify(t *testing.T) {
	hook := receive[posted](t)
	byName := strings.Replace(hook.URL, "127.0.0.1", "localhost", 1) // which has to be looked up
	config := writeFile(t, t.TempDir(), "notify.yml", "probe: false\nnotify: {webhook: {url: '"+byName+"'}}\n")
	watching := startServer(t, exec.Command(program(t, "cryptojack_exporter"), "--config.file="+config, "--findings.hold=10s"))
	const rounds = 3
	var took []time.Duration
	for n := range rounds {
		for _, attack := range notifiedAttacks() {
			running, exe, began := attack.start(t, n)
			var message webhook.Message[posted]
			eventually(t, 30*time.Second, "a notification of: "+attack.name, func() error {
				var times int
				if message, times = about(hook, exe); times == 0 {
					return fmt.Errorf("%d messages, none about %s", len(hook.Messages()), exe)
				}
				return nil
			})
			lasted := message.At.Sub(began)
			took = append(took, lasted)
			t.Logf("%s from execve to the webhook: %s", lasted.Round(10*time.Millisecond), attack.name)
			if message.Body.Event != "raised" || message.Body.Host == "" || !strings.Contains(message.Body.Text, "ritical finding") {
				t.Errorf("%+v", message.Body)
			}
			running.stop(t)
			if _, times := about(hook, exe); times != 1 {
				t.Errorf("%d notifications of: %s", times, attack.name)
			}
		}
	}
	slices.SortFunc(took, cmp.Compare)
	t.Logf("%d attacks, seconds from execve to the webhook: median %.2f, most %.2f", len(took), took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	now := scrape(t, watching.url)
	if sent := now.sum("cryptojack_notifications_total", labels{"result": "sent"}); sent == 0 || now.sum("cryptojack_notifications_total", labels{"result": "failed"}) != 0 {
		t.Errorf("%v were sent", sent)
	}
}

// TestNotifyFails: the page says that nobody is told, metrics count it, and after a reload with the right address it arrives: over TLS, with a certificate and a
// token that only root may read, when the exporter is no longer root.
func TestNotifyFails(t *testing.T) {
	arrived := make(chan string, 16)
	hook := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			body = []byte(err.Error())
		}
		arrived <- request.Header.Get("Authorization") + "\n" + string(body)
	}))
	defer hook.Close()
	directory := t.TempDir()
	certificate := writeFile(t, directory, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})))
	token := writeFile(t, directory, "token", "Bearer T0KEN")
	config := writeFile(t, directory, "notify.yml", "probe: false\nnotify: {webhook: {url: 'http://127.0.0.1:1/T0KEN'}}\n")
	watching := startServer(t, exec.Command(program(t, "cryptojack_exporter"), "--config.file="+config, "--findings.hold=1m"))
	notifiedAttacks()[0].start(t, 99)
	eventually(t, 30*time.Second, "the failure is counted and shown", func() error {
		now, err := tryScrape(watching.url)
		if err != nil {
			return err
		}
		if now.sum("cryptojack_notifications_total", labels{"result": "failed"}) == 0 {
			return fmt.Errorf("it is not counted")
		}
		response, err := http.Get(watching.url)
		if err != nil {
			return err
		}
		defer response.Body.Close() //nolint:errcheck // it was read
		page, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		if !strings.Contains(string(page), "Nobody is told of critical findings") || strings.Contains(string(page), "T0KEN") {
			return fmt.Errorf("the page does not say it, or tells the address")
		}
		return nil
	})
	if err := os.WriteFile(config, fmt.Appendf(nil, "probe: false\nnotify: {webhook: {url: '%s', format: slack, ca_file: %s, authorization_file: %s}}\n", hook.URL, certificate, token), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(watching.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	select {
	case message := <-arrived:
		if !strings.HasPrefix(message, "Bearer T0KEN\n{") || !strings.Contains(message, `"blocks"`) {
			t.Errorf("%s", message)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("nothing arrives; the exporter's log: %s", tail(watching.output.String(), 1000))
	}
	if strings.Contains(watching.output.String(), "T0KEN") {
		t.Error("the log tells the address")
	}
}
