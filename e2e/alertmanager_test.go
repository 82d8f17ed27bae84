package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/webhook"
)

type slackMessage struct {
	Attachments []struct {
		Title string `json:"title"`
		Link  string `json:"title_link"`
		Text  string `json:"text"`
		Color string `json:"color"`
	} `json:"attachments"`
}

// slack is where the receivers of the example post to.
type slack struct {
	*webhook.Receiver[slackMessage]
}

// text returns what has come whose title has a beginning.
func (s slack) text(title string) string {
	var all strings.Builder
	for _, message := range s.Messages() {
		for _, attached := range message.Body.Attachments {
			if strings.HasPrefix(attached.Title, title) {
				fmt.Fprintln(&all, attached.Title, attached.Link, attached.Color)
				fmt.Fprintln(&all, attached.Text)
			}
		}
	}
	return all.String()
}

// TestAlertmanagerExample gives the shipped example to a real Alertmanager. Only
// where messages go is changed: tickets go to the same listener as pages.
func TestAlertmanagerExample(t *testing.T) {
	posted := slack{receive[slackMessage](t)}
	alertmanager := startExample(t, posted.URL)

	alert := func(name, severity, instance, description string, more ...string) map[string]any {
		labels := map[string]string{"alertname": name, "severity": severity, "job": "cryptojack"}
		if instance == "" {
			delete(labels, "job")
		} else {
			labels["instance"] = instance
		}
		for i := 0; i < len(more); i += 2 {
			labels[more[i]] = more[i+1]
		}
		return map[string]any{"labels": labels, "annotations": map[string]string{
			"summary": "Summary of " + name + ".", "description": description, "runbook_url": "https://example.org/" + name + ".md",
		}}
	}
	post(t, alertmanager.url+"/api/v2/alerts",
		// A host with a miner: its traces are silent, its exposed service and its persistence entry are not.
		alert("CryptojackMinerFound", "critical", "a:10042", "1 suspect on a:10042: /tmp/<!channel> (pid 1, user flink);"),
		alert("CryptojackSuspiciousProcess", "warning", "a:10042", "silent"),
		alert("CryptojackSuspiciousOriginCpu", "warning", "a:10042", "silent", "origin", "temp"),
		alert("CryptojackExecutableInTemp", "warning", "a:10042", "silent", "directory", "/tmp"),
		alert("CryptojackPoolConnection", "warning", "a:10042", "silent", "match", "host"),
		alert("CryptojackRespawning", "critical", "a:10042", "silent", "origin", "temp"),
		alert("CryptojackServiceOpen", "critical", "a:10042", "service of a", "rule", "exposed_service"),
		alert("CryptojackPersistence", "warning", "a:10042", "persistence of a", "rule", "persistence_entry"),
		// Another host's traces are its own.
		alert("CryptojackExecutableInTemp", "warning", "b:10042", "file of b", "directory", "/tmp"),
		alert("CryptojackPortExposed", "info", "b:10042", "silent", "rule", "exposed_service"),
		// An exporter that is down is not blind as well.
		alert("CryptojackExporterDown", "critical", "c:10042", "c is down"),
		alert("CryptojackBlind", "warning", "c:10042", "silent", "aspect", "exe"),
		alert("CryptojackSamplerStuck", "warning", "c:10042", "silent", "sensor", "files"),
		// The ticket that became a page.
		alert("CryptojackHiddenCpu", "critical", "d:10042", "page of d", "rule", "cpu_unattributed"),
		alert("CryptojackHiddenCpu", "warning", "d:10042", "silent", "rule", "cpu_unattributed"),
		// A drill, on a host whose target says so.
		alert("CryptojackMinerFound", "critical", "e:10042", "drill on e", "drill", "true"),
		// The fleet silences no host, and no host the fleet.
		alert("CryptojackWave", "critical", "", "wave over all", "sign", "mined"),
		alert("CryptojackSameSuspectOnManyHosts", "critical", "", "same on all", "suspect", "f853cd7dfcf9"),
	)

	wanted := map[string][]string{ // the beginning of a title, and what must be in the text
		"CRITICAL a:10042: Summary of CryptojackMinerFound. (and 1 more)": {"http://a:10042/", "#b3261e", "/tmp/&lt;!channel&gt; (pid 1", "service of a", "<https://example.org/CryptojackMinerFound.md|What to do>"},
		"WARNING a:10042: Summary of CryptojackPersistence.":              {"persistence of a", "#e08e00"},
		"WARNING b:10042: Summary of CryptojackExecutableInTemp.":         {"file of b"},
		"CRITICAL c:10042: Summary of CryptojackExporterDown.":            {"c is down"},
		"CRITICAL d:10042: Summary of CryptojackHiddenCpu.":               {"page of d"},
		"CRITICAL e:10042: Summary of CryptojackMinerFound.":              {"drill on e"},
		"CRITICAL fleet: Summary of Cryptojack":                           {"wave over all", "same on all", "(and 1 more)"},
	}
	took := eventually(t, 30*time.Second, "every message", func() error {
		var missing []error
		for title, parts := range wanted {
			text := posted.text(title)
			for _, part := range parts {
				if !strings.Contains(text, part) {
					missing = append(missing, fmt.Errorf("no %q in %q: %q", part, title, text))
				}
			}
		}
		return errors.Join(missing...)
	})
	t.Logf("all came after %s", took.Round(time.Millisecond))
	eventually(t, 30*time.Second, "the rest is silenced", func() error { return silenced(t, alertmanager.url) })
	if all := posted.text(""); strings.Contains(all, "silent") {
		t.Errorf("something came that is silenced:\n%s", all)
	}
	if count := len(posted.Messages()); count != len(wanted) {
		t.Errorf("%d messages, want %d: one for each host and urgency", count, len(wanted))
	}
}

// silenced returns an error unless Alertmanager keeps back every alert that is
// described as silent: by an inhibition, or because its receiver is nobody.
func silenced(t *testing.T, url string) error {
	var alerts []struct {
		Labels, Annotations map[string]string
		Status              struct{ State string }
		Receivers           []struct{ Name string }
	}
	if err := programs.Get(t.Context(), url+"/api/v2/alerts", &alerts); err != nil {
		return err
	}
	for _, alert := range alerts {
		keptBack := alert.Status.State == "suppressed" || len(alert.Receivers) == 1 && alert.Receivers[0].Name == "nobody"
		if alert.Annotations["description"] == "silent" && !keptBack {
			return fmt.Errorf("%v is %s and goes to %v", alert.Labels, alert.Status.State, alert.Receivers)
		}
	}
	return nil
}

// startExample starts Alertmanager with the shipped example, of which only the
// receivers' addresses are others.
func startExample(t *testing.T, slackURL string) *server {
	t.Helper()
	content, err := os.ReadFile("../alerts/alertmanager.yml")
	if err != nil {
		t.Fatal(err)
	}
	templates, err := filepath.Abs("../alerts/templates/cryptojack.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	example := string(content)
	for _, change := range [][2]string{
		{"/etc/alertmanager/secrets/slack_url", writeFile(t, directory, "slack_url", slackURL)},
		{"  - templates/cryptojack.tmpl", "  - " + templates},
	} {
		if strings.Count(example, change[0]) != 1 {
			t.Fatalf("the example has not %q once", change[0])
		}
		example = strings.Replace(example, change[0], change[1], 1)
	}
	// Tickets and drills go where the page goes, as no mail server is here.
	_, page, _ := strings.Cut(example, "  - name: page")
	_, page, _ = strings.Cut(page, "\n")
	page, _, _ = strings.Cut(page, "  - name: ticket")
	before, rest, _ := strings.Cut(example, "  - name: ticket\n")
	_, after, _ := strings.Cut(rest, "  - name: nobody\n")
	example = before + "  - name: ticket\n" + page + "  - name: drill\n" + page + "  - name: nobody\n" + after

	return startAlertmanager(t, writeFile(t, directory, "alertmanager.yml", example))
}

func post(t *testing.T, url string, alerts ...map[string]any) {
	t.Helper()
	body, err := json.Marshal(alerts)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s", url, response.Status)
	}
}
