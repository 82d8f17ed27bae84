package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// flooded is a host on which somebody has made as much as he can: suspects and files of
// one content, with arguments that grow when they are escaped.
func flooded() Report {
	r := incident()
	first := r.Findings.Active[0]
	for i := range 1024 {
		suspect := *first.Suspect
		suspect.ID, suspect.PIDs = fmt.Sprint(i), []int{10_000 + i}
		suspect.Process.PID = 10_000 + i
		suspect.Process.Argv = []string{"/tmp/x", strings.Repeat("\x1b", 2000), strings.Repeat("--password=x ", 150)}
		finding := first
		finding.ID, finding.Suspect = fmt.Sprint(i), &suspect
		process := suspect.Process
		r.Snapshot.Processes.Processes = append(r.Snapshot.Processes.Processes, &process)

		file := r.Snapshot.Files.Files[0]
		file.Path = fmt.Sprint("/tmp/", i)
		r.Snapshot.Files.Files = append(r.Snapshot.Files.Files, file)
		r.Findings.Active = append(r.Findings.Active, finding, model.Finding{Rule: rules.SuspiciousFile, Severity: model.Warning, Title: "A miner's file lies in /tmp", File: &file})
	}
	return r
}

// TestFloodedReport: a report has a size that nobody makes larger.
func TestFloodedReport(t *testing.T) {
	t.Parallel()
	for _, audience := range []Audience{Full, Public} {
		r := flooded()
		r.Audience = audience
		for name, most := range map[string]int{"html": 128 << 10, "text": 128 << 10, "json": 16 << 20} {
			var out bytes.Buffer
			if err := formats()[name](&out, r); err != nil {
				t.Fatal(err)
			}
			if out.Len() > most {
				t.Errorf("%s for the %s: %d bytes", name, audience, out.Len())
			}
			if name != "json" {
				continue
			}
			var told struct {
				Findings []struct {
					Remedy  []string
					Suspect *struct{ Argv []string }
				}
				More int `json:"more_findings"`
			}
			if err := json.Unmarshal(out.Bytes(), &told); err != nil {
				t.Fatal(err)
			}
			if len(told.Findings) != maxFindings || told.More != len(r.Findings.Active)-maxFindings {
				t.Errorf("%d findings and %d more, of %d", len(told.Findings), told.More, len(r.Findings.Active))
			}
			for _, finding := range told.Findings {
				if size := len(strings.Join(finding.Remedy, "")); size > 16<<10 {
					t.Fatalf("a remedy of %d bytes", size)
				}
				if finding.Suspect != nil && len(strings.Join(finding.Suspect.Argv, "")) > maxArgumentBytes+32 {
					t.Fatalf("arguments of %d bytes", len(strings.Join(finding.Suspect.Argv, "")))
				}
			}
		}
	}
}
