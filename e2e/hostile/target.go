package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// answerLimit is how long the exporter may take to answer a request, on a busy machine.
const answerLimit = 10 * time.Second

// sampling makes samples frequent and findings short, so that a trial need not wait. Nothing
// of this host is asked.
func sampling() []string {
	return []string{"--process.interval=2s", "--sockets.interval=2s", "--persistence.interval=2s", "--findings.hold=15s"}
}

// target is an exporter under trial.
type target struct {
	*programs.Server
	log    string // file
	client *http.Client
}

// startTarget starts an exporter with the flags, by the command line before it, if there is
// one, and waits until it has looked at everything once.
func startTarget(ctx context.Context, exporter, directory string, before, flags []string) (*target, error) {
	config := filepath.Join(directory, "exporter.yml")
	if err := os.WriteFile(config, []byte("probe: false\n"), 0o644); err != nil {
		return nil, err
	}
	log, err := os.CreateTemp(directory, "exporter-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	usual := slices.DeleteFunc(sampling(), func(flag string) bool { // one that the trial sets is not given twice
		name, _, _ := strings.Cut(flag, "=")
		return slices.ContainsFunc(flags, func(other string) bool { return strings.HasPrefix(other, name+"=") })
	})
	line := append(append(before, exporter, "serve", "--config.file="+config), append(usual, flags...)...)
	command := exec.Command(line[0], line[1:]...)
	command.Stdout, command.Stderr = log, log
	server, err := programs.StartServer(ctx, command, "/-/ready")
	if err != nil {
		said, _ := os.ReadFile(log.Name()) // what it says of itself explains most
		return nil, fmt.Errorf("%w\n%s", err, said)
	}
	return &target{Server: server, log: log.Name(), client: &http.Client{Timeout: answerLimit}}, nil
}

// logged is what the exporter has logged so far.
func (t *target) logged() (string, error) {
	content, err := os.ReadFile(t.log)
	return string(content), err
}

// get reads a page. Any status but 200 OK is an error.
func (t *target) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := t.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", response.Status, body)
	}
	if err == nil {
		err = readable(string(body))
	}
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	return body, nil
}

// readable returns an error if a text has what could fool a terminal or break a parser: bytes
// that are no UTF-8, control characters, and those that change the direction of writing.
func readable(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("it is not valid UTF-8")
	}
	for at, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return fmt.Errorf("it has %U unescaped: %q", r, text[max(0, at-40):min(len(text), at+40)])
		}
	}
	return nil
}

// scrape is what /metrics said at one time.
type scrape struct {
	families map[string]*dto.MetricFamily
	series   int
}

func (t *target) scrape(ctx context.Context) (*scrape, error) {
	text, err := t.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	return parseScrape(string(text))
}

func parseScrape(text string) (*scrape, error) {
	reader := expfmt.NewTextParser(model.LegacyValidation)
	families, err := reader.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("/metrics is no valid exposition: %w", err)
	}
	s := &scrape{families: families}
	for line := range strings.Lines(text) {
		if line != "\n" && !strings.HasPrefix(line, "#") {
			s.series++
		}
	}
	return s, nil
}

// largest lists the metrics that have most series.
func (s *scrape) largest() string {
	names := slices.SortedFunc(maps.Keys(s.families), func(a, b string) int {
		return cmp.Or(len(s.families[b].Metric)-len(s.families[a].Metric), strings.Compare(a, b))
	})
	var counts []string
	for _, name := range names[:min(len(names), 20)] {
		counts = append(counts, fmt.Sprintf("%s %d", name, len(s.families[name].Metric)))
	}
	return strings.Join(counts, ", ")
}

// sum adds up all series of a selector, in the form of PromQL. Without any it is 0.
func (s *scrape) sum(selector string) (float64, error) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(selector)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", selector, err)
	}
	total := 0.0
	for name, family := range s.families {
		for _, metric := range family.Metric {
			if matches(matchers, name, metric) {
				total += value(metric)
			}
		}
	}
	return total, nil
}

func matches(matchers []*labels.Matcher, name string, metric *dto.Metric) bool {
	carried := map[string]string{model.MetricNameLabel: name}
	for _, pair := range metric.Label {
		carried[pair.GetName()] = pair.GetValue()
	}
	for _, matcher := range matchers {
		if !matcher.Matches(carried[matcher.Name]) {
			return false
		}
	}
	return true
}

func value(metric *dto.Metric) float64 {
	switch {
	case metric.Counter != nil:
		return metric.Counter.GetValue()
	case metric.Gauge != nil:
		return metric.Gauge.GetValue()
	default:
		return metric.GetUntyped().GetValue()
	}
}

// finding is the part of /api/v1/findings that trials look for.
type finding struct {
	Rule     string   `json:"rule"`
	Severity string   `json:"severity"`
	Title    string   `json:"title"`
	Evidence []string `json:"evidence"`
	Suspect  *struct {
		Exe     string `json:"exe"`
		Comm    string `json:"comm"`
		Signals []struct {
			Rule     string `json:"rule"`
			Evidence string `json:"evidence"`
		} `json:"signals"`
	} `json:"suspect"`
	File *struct {
		Path string `json:"path"`
	} `json:"file"`
	Persistence *struct {
		Path string `json:"path"`
	} `json:"persistence"`
}

// String is a line that expressions are looked for in: severity, rule, title, path, evidence.
func (f *finding) String() string {
	words := []string{f.Severity, f.Rule, f.Title}
	if f.Suspect != nil {
		words = append(words, f.Suspect.Comm, f.Suspect.Exe)
		for _, signal := range f.Suspect.Signals {
			words = append(words, signal.Rule, signal.Evidence)
		}
	}
	if f.File != nil {
		words = append(words, f.File.Path)
	}
	if f.Persistence != nil {
		words = append(words, f.Persistence.Path)
	}
	return strings.Join(append(words, f.Evidence...), " ")
}

func (t *target) findings(ctx context.Context) ([]finding, error) {
	var answer struct {
		Findings []finding `json:"findings"`
	}
	err := programs.Get(ctx, t.URL+"/api/v1/findings", &answer)
	return answer.Findings, err
}

// stop ends the exporter, politely first, and appends what it logged to the log of the run.
func (t *target) stop(log io.Writer) error {
	err := t.Stop()
	t.client.CloseIdleConnections()
	said, read := t.logged()
	_, written := io.WriteString(log, said)
	return errors.Join(err, read, written)
}
