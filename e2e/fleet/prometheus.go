package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// scrapedLimit is how long it may take until every host was scraped.
const scrapedLimit = 3 * time.Minute

const (
	waveSettles = time.Minute // until every host was scraped and its alerts fire
	waveSpan    = 2 * time.Minute
)

// prometheus is the one that is measured.
type prometheus struct {
	*programs.Server
	data string // directory
}

// startPrometheus starts it with the shipped rules. What it says goes to a file beside
// this program.
func startPrometheus(ctx context.Context, set settings, directory string, targets []string) (*prometheus, error) {
	if err := programs.Assets(ctx, set.exporter, directory); err != nil {
		return nil, err
	}
	config := filepath.Join(directory, "prometheus.yml")
	content, err := yaml.Marshal(map[string]any{
		"global":     map[string]any{"scrape_interval": scrapePeriod.String(), "evaluation_interval": scrapePeriod.String()},
		"rule_files": []string{"alerts/*.rules.yml"},
		"scrape_configs": []any{map[string]any{
			"job_name": "cryptojack", "static_configs": []any{map[string]any{"targets": targets}},
		}},
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(config, content, 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(filepath.Dir(directory), "fleet.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // it has the file open itself
	command := programs.Prometheus(set.prometheus, config)
	command.Args = append(command.Args, "--web.enable-admin-api") // for the snapshot
	command.Stdout, command.Stderr = log, log
	server, err := programs.StartServer(ctx, command, "/-/ready")
	return &prometheus{server, filepath.Join(directory, "prometheus-data")}, err
}

// measure waits until all hosts are scraped, warms up, and measures.
func (p *prometheus) measure(ctx context.Context, set settings, progress io.Writer) (m measurement, err error) {
	m.hosts, m.minedHosts, m.span = set.hosts, set.mined, set.span
	err = programs.Eventually(ctx, scrapedLimit, "all hosts are scraped", func() error {
		up, err := p.query(ctx, "sum(up)")
		if err == nil && int(up) != set.hosts {
			err = fmt.Errorf("%.0f of %d answer", up, set.hosts)
		}
		return err
	})
	if err != nil {
		return m, err
	}
	fmt.Fprintf(progress, "all %d hosts are scraped; measuring in %s\n", set.hosts, set.warmUp)
	if err := programs.Pause(ctx, set.warmUp); err != nil {
		return m, err
	}
	before, err := p.metrics(ctx)
	if err != nil {
		return m, err
	}
	began := time.Now()
	usedBefore, err := measure.CPUTime(p.PID)
	if err != nil {
		return m, err
	}
	after := before
	for next := began; ; next = next.Add(scrapePeriod) {
		if err := programs.Pause(ctx, time.Until(next)); err != nil {
			return m, err
		}
		if after, err = p.metrics(ctx); err != nil {
			return m, err
		}
		resident, err := measure.Resident(p.PID)
		if err != nil {
			return m, err
		}
		m.resident = max(m.resident, resident)
		m.groups.add(after)
		if time.Since(began) >= set.span {
			break
		}
	}
	used, err := measure.CPUTime(p.PID)
	if err != nil {
		return m, err
	}
	seconds := time.Since(began).Seconds()
	m.cores = (used - usedBefore).Seconds() / seconds
	m.headSeries = after.sum("prometheus_tsdb_head_series")
	samples := after.sum("prometheus_tsdb_head_samples_appended_total") - before.sum("prometheus_tsdb_head_samples_appended_total")
	m.samplesPerSecond = samples / seconds
	m.walPerSample = (after.sum("prometheus_tsdb_wal_storage_size_bytes") - before.sum("prometheus_tsdb_wal_storage_size_bytes")) / samples
	m.ruleSeconds = (after.sum("prometheus_rule_group_duration_seconds_sum") - before.sum("prometheus_rule_group_duration_seconds_sum")) / seconds
	m.missed = after.sum("prometheus_rule_group_iterations_missed_total") - before.sum("prometheus_rule_group_iterations_missed_total")
	window := fmt.Sprintf("[%ds]", int(seconds))
	for expression, into := range map[string]*float64{
		"sum(count_over_time(up" + window + ") - sum_over_time(up" + window + "))": &m.failedScrapes,
		"quantile(0.99, scrape_duration_seconds)":                                  &m.slowScrape,
		`count(ALERTS{alertstate="firing"}) or vector(0)`:                          &m.firing,
	} {
		if *into, err = p.query(ctx, expression); err != nil {
			return m, err
		}
	}
	m.block, err = p.snapshot(ctx)
	return m, err
}

// measureWave measures the rules after every host has become mined.
func (p *prometheus) measureWave(ctx context.Context, progress io.Writer) (wave groups, err error) {
	fmt.Fprintln(progress, "every host is mined now; measuring the rules")
	if err := programs.Pause(ctx, waveSettles); err != nil {
		return nil, err
	}
	for began := time.Now(); time.Since(began) < waveSpan; {
		if err := programs.Pause(ctx, scrapePeriod); err != nil {
			return nil, err
		}
		now, err := p.metrics(ctx)
		if err != nil {
			return nil, err
		}
		wave.add(now)
	}
	return wave, nil
}

// query returns the one value that an expression has.
func (p *prometheus) query(ctx context.Context, expression string) (float64, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Value []any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := programs.Get(ctx, p.URL+"/api/v1/query?query="+url.QueryEscape(expression), &answer); err != nil {
		return 0, err
	}
	if len(answer.Data.Result) == 1 && len(answer.Data.Result[0].Value) == 2 {
		if text, ok := answer.Data.Result[0].Value[1].(string); ok {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, fmt.Errorf("%s has %d values", expression, len(answer.Data.Result))
}

// families are the metrics of Prometheus itself, by name.
type families map[string]*dto.MetricFamily

func (p *prometheus) metrics(ctx context.Context) (families, error) {
	exposition, err := fetch(ctx, p.URL+"/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(bytes.NewReader(exposition))
}

// sum adds up the samples of a name, which may be the sum of a summary.
func (f families) sum(name string) float64 {
	total := 0.0
	for _, metric := range f[name].GetMetric() {
		total += plain(metric)
	}
	if base, is := strings.CutSuffix(name, "_sum"); is {
		for _, metric := range f[base].GetMetric() {
			total += metric.GetSummary().GetSampleSum()
		}
	}
	return total
}

func plain(metric *dto.Metric) float64 {
	return metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + metric.GetUntyped().GetValue()
}

// byGroup are the values of a metric by the name of the rule group.
func (f families) byGroup(name string) map[string]float64 {
	values := map[string]float64{}
	for _, metric := range f[name].GetMetric() {
		for _, pair := range metric.GetLabel() {
			if pair.GetName() == "rule_group" { // FILE;GROUP
				_, group, _ := strings.Cut(pair.GetValue(), ";")
				values[group] = plain(metric)
			}
		}
	}
	return values
}

// block is what a block on disk takes.
type block struct {
	chunks, index   int64 // bytes
	samples, series float64
}

// snapshot has Prometheus write what it has in memory as a block, and measures that.
func (p *prometheus) snapshot(ctx context.Context) (b block, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+"/api/v1/admin/tsdb/snapshot", nil)
	if err != nil {
		return b, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return b, err
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			Name string `json:"name"`
		} `json:"data"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return b, fmt.Errorf("snapshot: %w", err)
	}
	if answer.Data.Name == "" {
		return b, fmt.Errorf("snapshot: %s %s", response.Status, answer.Error)
	}
	return blocksIn(filepath.Join(p.data, "snapshots", answer.Data.Name))
}

// blocksIn adds up the blocks in a directory.
func blocksIn(directory string) (b block, err error) {
	metas, err := filepath.Glob(filepath.Join(directory, "*", "meta.json"))
	if err != nil {
		return b, err
	}
	if len(metas) == 0 {
		return b, errors.New("the snapshot has no block")
	}
	for _, path := range metas {
		content, err := os.ReadFile(path)
		if err != nil {
			return b, err
		}
		var meta struct {
			Stats struct{ NumSamples, NumSeries float64 }
		}
		if err := json.Unmarshal(content, &meta); err != nil {
			return b, fmt.Errorf("%s: %w", path, err)
		}
		b.samples += meta.Stats.NumSamples
		b.series = max(b.series, meta.Stats.NumSeries)
		parts, err := filepath.Glob(filepath.Join(filepath.Dir(path), "chunks", "*"))
		if err != nil {
			return b, err
		}
		for _, part := range slices.Concat(parts, []string{filepath.Join(filepath.Dir(path), "index")}) {
			info, err := os.Stat(part)
			if err != nil {
				return b, err
			}
			if filepath.Base(part) == "index" {
				b.index += info.Size()
			} else {
				b.chunks += info.Size()
			}
		}
	}
	return b, nil
}
