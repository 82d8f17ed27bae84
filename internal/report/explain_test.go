package report

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tuning"
)

// explained is a miner with a hostile name below a service, that one entry of the
// allow list named until yesterday.
func explained() detect.Explanation {
	suspect := incident().Findings.Active[0].Suspect
	e := detect.Explanation{
		Process: suspect.Process, Suspect: suspect.ID, Severity: model.Critical, Entry: suspect.Entry, Guardian: suspect.Guardian,
		Answers: []detect.Answer{
			{Rule: rules.KnownMinerName, Family: model.FamilyIndicator, Technique: "T1496.001", Holds: true, Sentence: "Its file name is kdevtmpfsi."},
			{Rule: rules.RunsFromTemp, Family: model.FamilyPlace, Technique: "T1059.004", Holds: true, Sentence: "It runs from /tmp. By the configuration, rule runs_from_temp is info at most (line 9).", Limit: model.Info},
			{Rule: rules.EqualThreads, Family: model.FamilyMining, Technique: "T1496.001", Holds: true, Weak: true, Sentence: "4 of its threads work alike without a pause."},
			{Rule: rules.SustainedCPU, Family: model.FamilyLoad, Technique: "T1496.001", Sentence: "It used 5.80 cores over 60 s. By the configuration, rule sustained_cpu is off.", Limit: policy.Off},
		},
		AllowList: tuning.AllowAdvice{
			Matches: []tuning.AllowMatch{{Allow: policy.Allow{Path: "/tmp/**", User: "flink", Line: 12, Reason: "a test\n", Until: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}, Ended: true}},
			Fits:    &policy.Allow{Path: "/tmp/it's\n\u202e\\*", SHA256: suspect.Process.SHA256, User: "flink", Until: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)},
			Others:  []string{"/tmp/other (pid 9, user flink)"}, More: 3,
			Doubts: []string{"It is critical: allow it only if you know who started it, and why."},
		},
	}
	e.Process.Exe = "/tmp/it's\n\u202e*"
	return e
}

func TestExplainGolden(t *testing.T) {
	t.Parallel()
	quiet := explained()
	quiet.Severity, quiet.Suspect, quiet.Guardian, quiet.Entry, quiet.AllowList = "", "", nil, nil, tuning.AllowAdvice{}
	for name, e := range map[string]detect.Explanation{"explain": explained(), "explain_nothing": quiet} {
		for kind, write := range map[string]func(io.Writer, detect.Explanation) error{"text": ExplainText, "json": ExplainJSON} {
			var out bytes.Buffer
			if err := write(&out, e); err != nil {
				t.Fatal(err)
			}
			compareGolden(t, name+"."+kind, out.String())
		}
	}
}

// TestSuggestedEntryIsReadBack pastes what is suggested into a configuration, whatever
// bytes are in it.
func TestSuggestedEntryIsReadBack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"/opt/a", "/opt/it's", "/opt/ a b ", "/opt/#a: b", "/a\nb\r\t\x00\x1b\u0085\u2028\u202e\ufeff\uffff\U0010ffff", "/a\xff\xfe", "/a\"\\b", "/日本", "- x", "null", "1e3", "{a: b}", "*a", "&a", "!!binary x", "\n",
		strings.Repeat("/long name", 400),
	} {
		want := policy.Allow{
			Path: name, SHA256: strings.Repeat("ab", 32), User: name, Unit: name, Container: "01*", Cgroup: name, Containers: true,
			Reason: reasonPlaceholder, Until: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC), Line: 2,
		}
		lines := yamlEntry(&want)
		for _, line := range lines {
			if strings.ContainsAny(line, "\n\r\x1b\x00\u202e\u2028\ufeff") {
				t.Errorf("%q misleads", line)
			}
		}
		file := filepath.Join(t.TempDir(), "config.yml")
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(file)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if diff := cmp.Diff([]policy.Allow{want}, loaded.Policy.Allow); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
	}
}
