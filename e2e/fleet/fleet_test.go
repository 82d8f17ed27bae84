package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// recorded are two scrapes, 15 s apart.
func recorded(t *testing.T) *recording {
	t.Helper()
	r := &recording{}
	for i, exposition := range []string{
		"# HELP a_total of a\n# TYPE a_total counter\na_total{name=\"x y\"} 10\n# TYPE g gauge\ng 5\n# TYPE h histogram\nh_count 1\nlast_timestamp_seconds 1000\nfirst_timestamp_seconds 7\n",
		"# TYPE a_total counter\na_total{name=\"x y\"} 13\n# TYPE g gauge\ng 4\n# TYPE h histogram\nh_count 3\nlast_timestamp_seconds 1015\nfirst_timestamp_seconds 7\n",
	} {
		if err := r.add(time.Unix(1000+15*int64(i), 0), []byte(exposition)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestPlay(t *testing.T) {
	t.Parallel()
	r := recorded(t)
	if r.series() != 5 {
		t.Errorf("%d series", r.series())
	}
	for number, want := range [][]string{
		{`a_total{name="x y"} 10`, "g 5", "h_count 1", "last_timestamp_seconds 2000", "first_timestamp_seconds 7", "# HELP a_total of a"},
		{`a_total{name="x y"} 13`, "g 4", "h_count 3", "last_timestamp_seconds 2000", "first_timestamp_seconds 7"},
		{`a_total{name="x y"} 13`, "g 5", "h_count 3"},
		{`a_total{name="x y"} 16`, "g 4", "h_count 5"},
		{`a_total{name="x y"} 16`},
	} {
		said := string(r.play(number, time.Unix(2000, 0)))
		for _, one := range want {
			if !strings.Contains(said, one+"\n") {
				t.Errorf("scrape %d has no %q:\n%s", number, one, said)
			}
		}
	}
	for _, wrong := range []string{"nothing\n", "a b\n"} {
		if err := (&recording{}).add(time.Now(), []byte(wrong)); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	mined := &recording{}
	if err := mined.add(time.Now(), []byte("mined 1\n")); err != nil {
		t.Fatal(err)
	}
	h, err := startHosts(3, 1, recorded(t), mined)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"mined 1\n", "g 4\n", "g 5\n"} { // each begins elsewhere
		said, err := fetch(t.Context(), "http://"+h.targets[i]+"/metrics")
		if err != nil || !strings.Contains(string(said), want) {
			t.Errorf("host %d: %q, %v", i, said, err)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+h.targets[2], nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if plain, err := io.ReadAll(response.Body); err != nil || !bytes.Contains(plain, []byte("g 4\n")) {
		t.Errorf("not compressed: %q, %v", plain, err)
	}
	h.playEverywhere(mined)
	if said, err := fetch(t.Context(), "http://"+h.targets[1]); err != nil || string(said) != "mined 1\n" {
		t.Errorf("a host that was taken over: %q, %v", said, err)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if addressOf(0) != "127.66.0.1" || addressOf(9999) != "127.66.39.250" {
		t.Errorf("%s to %s", addressOf(0), addressOf(9999))
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	f, err := parser.TextToMetricFamilies(strings.NewReader(`# TYPE prometheus_rule_group_last_duration_seconds gauge
prometheus_rule_group_last_duration_seconds{rule_group="/x.yml;page"} 0.01
# TYPE prometheus_rule_group_interval_seconds gauge
prometheus_rule_group_interval_seconds{rule_group="/x.yml;page"} 5
# TYPE prometheus_rule_group_rules gauge
prometheus_rule_group_rules{rule_group="/x.yml;page"} 2
# TYPE samples_total counter
samples_total{type="float"} 7
samples_total{type="histogram"} 1
# TYPE d summary
d_sum 4
d_count 2
`))
	if err != nil {
		t.Fatal(err)
	}
	if families(f).sum("samples_total") != 8 || families(f).sum("d_sum") != 4 || families(f).sum("none") != 0 {
		t.Error("the sums are wrong")
	}
	var all groups
	all.add(f)
	all.add(f)
	if len(all) != 1 || all[0].name != "page" || all[0].interval != 5 || all[0].rules != 2 || !slices.Equal(all[0].durations, []float64{0.01, 0.01}) {
		t.Errorf("%+v", all)
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	m := measurement{
		hosts: 1000, minedHosts: 10, quiet: kind{650, 60000, 6000}, mined: kind{700, 65000, 6500}, span: 10 * time.Minute,
		headSeries: 650_000, samplesPerSecond: 43_000, cores: 0.5, ruleSeconds: 0.05, resident: 2e9,
		block:  block{chunks: 2600, index: 65_000_000, samples: 1300, series: 650_000},
		groups: groups{{"slow", 9, 30, []float64{0.1, 0.3, 0.2}}, {"page", 2, 5, []float64{0.01}}},
		wave:   groups{{"page", 2, 5, []float64{4, 6}}, {"slow", 9, 30, []float64{1}}},
	}
	got := string(document("2 cores", m))
	for _, want := range []string{
		"| series in the head | 650,000 |\n",
		"| block on disk: chunks, bytes a sample | 2 |\n",
		"| page | 2 | 5 | 10 | 10 | 5,000 | 6,000 |\n| slow | 9 | 30 | 200 | 300 | 1,000 | 1,000 |\n",
		// 12 blocks of 480 samples of 2 bytes and 100 bytes of index, 650,000 times
		"| 1,000 | 650 | 650,000 | 43,000 | 0.50 | 0.050 | 2 | 8.27 | 3.20 |\n",
		"| 10,000 | 1,300 | 13,000,000 | 860,000 | 10 | 1 | 40 | 165 | 64 |\n",
		"| 100,000 | 650 | 65,000,000 |",
		// 43,000 samples a second and 650,000 series, three times, of 1,000 hosts
		"| 10,000 | 2 | 10 | 40,000 | 17.2 | 65 | 162 | 325 |\n",
		"| 100,000 | 20 | 10 | 400,000 | 172 | 650 | 1,625 | 3,250 |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	if _, err := blocksIn(directory); err == nil {
		t.Error("there is no block")
	}
	one := filepath.Join(directory, "01")
	for path, content := range map[string]string{
		"meta.json": `{"stats": {"numSamples": 40, "numSeries": 2}}`, "index": "12345", "chunks/000001": "123",
	} {
		path = filepath.Join(one, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := blocksIn(directory); err != nil || b != (block{3, 5, 40, 2}) {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	if set, err := parse([]string{"-hosts=50", "-mined=0"}, io.Discard); err != nil || set.hosts != 50 {
		t.Errorf("%+v, %v", set, err)
	}
	for _, wrong := range [][]string{{"-hosts=0"}, {"-hosts=5"}, {"-hosts=20000"}, {"-recorded=1"}, {"-for=10s"}, {"more"}} {
		if _, err := parse(wrong, io.Discard); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
	if code := run(context.Background(), []string{"-hosts=0"}, io.Discard, io.Discard); code != 2 {
		t.Errorf("exit code %d", code)
	}
}

func TestSuspects(t *testing.T) {
	t.Parallel()
	r := &recording{}
	if err := r.add(time.Now(), []byte("cryptojack_suspects{severity=\"critical\"} 1\ncryptojack_suspects{severity=\"warning\"} 0\n")); err != nil {
		t.Fatal(err)
	}
	h, err := startHosts(1, 0, r, r)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + h.targets[0]
	some, none := func(count float64) bool { return count > 0 }, func(count float64) bool { return count == 0 }
	if err := errors.Join(suspects(t.Context(), url, some, "critical"), suspects(t.Context(), url, none, "warning")); err != nil {
		t.Error(err)
	}
	if suspects(t.Context(), url, none, "warning", "critical") == nil || suspects(t.Context(), url, none, "unheard of") == nil {
		t.Error("one suspect is none")
	}
	http.DefaultClient.CloseIdleConnections()
	if err := h.stop(); err != nil {
		t.Error(err)
	}
}
