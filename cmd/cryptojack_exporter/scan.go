package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"golang.org/x/term"

	"github.com/cryptojack-exporter/cryptojack_exporter/collector"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

const (
	// scanInterval is how often scan looks at the processes: it has seconds,
	// not minutes.
	scanInterval  = time.Second
	progressEvery = 200 * time.Millisecond
	// firstSamples is how much longer than asked for it looks where a sensor has not
	// finished its first sample by then: half a look could not say that all is well.
	firstSamples = 10 * time.Second
	// scanFilesShare is how much of a core looks at files: a large directory is to be
	// finished in this time.
	scanFilesShare = 0.5
)

// scan looks for a while, reports and returns the exit code of the verdict.
func scan(ctx context.Context, o *options, stdout, stderr io.Writer) int {
	if o.logLevel == "info" {
		o.logLevel = "error" // the report says the rest
	}
	logger, _ := newLogger(stderr, o.logFormat, o.logLevel)
	loaded, err := config.Load(o.configFiles...)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", programName, err)
		return exitUnknown
	}
	var comparison *config.Comparison
	if o.scanDiff != "" {
		if comparison, err = newComparison(o, loaded); err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", programName, err)
			return exitUnknown
		}
		loaded = comparison.Look()
	}
	var current atomic.Pointer[config.Config]
	current.Store(loaded)
	o.processInterval = min(o.processInterval, scanInterval)
	o.socketsInterval = min(o.socketsInterval, 2*time.Second)
	o.persistenceInterval = min(o.persistenceInterval, 5*time.Second)
	o.filesShare = scanFilesShare
	s, m, err := setUp(o, &current, watcher{sampled: func(string, time.Duration, error) {}, judged: func(*monitor.Monitor) {}}, logger)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", programName, err)
		return exitUnknown
	}

	began := time.Now()
	looking, stop := context.WithCancel(ctx)
	defer stop()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		m.Run(looking)
	}()
	go func() {
		defer stop()
		select {
		case <-ctx.Done():
		case <-time.After(o.scanFor):
		}
		await(ctx, firstSamples, m.Ready)
	}()
	if isTerminal(stderr) {
		showProgress(looking, report.NewProgress(stderr, o.scanFor), func() report.Report { return newReport(m, time.Since(began)) })
	}
	<-finished
	if ctx.Err() != nil {
		level.Warn(logger).Log("msg", "interrupted: the report covers less time than was asked for")
	}

	switch {
	case o.scanExplain > 0:
		return explain(m, o, stdout, stderr)
	case comparison != nil:
		return diff(m, o, comparison, stdout, stderr)
	}
	result := newReport(m, time.Since(began))
	result.Audience = report.Full
	if err := writeScan(o, result, s, m, stdout); err != nil {
		fmt.Fprintf(stderr, "%s: the report could not be written: %v\n", programName, err)
		return exitUnknown
	}
	return report.ExitCode(result)
}

func writeScan(o *options, result report.Report, s *sensors, m *monitor.Monitor, stdout io.Writer) error {
	write := report.JSON
	switch o.scanFormat {
	case formatProm:
		return writeMetrics(stdout, s, m)
	case formatText:
		write = func(out io.Writer, r report.Report) error {
			return report.Text(out, r, isTerminal(stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
		}
	}
	if o.scanRedact {
		return report.Redact(stdout, result, o.scanFormat == formatJSON, write)
	}
	return write(stdout, result)
}

// writeMetrics writes what was found as metrics, under the names that the server has: findings, suspects and exposed services.
func writeMetrics(stdout io.Writer, s *sensors, m *monitor.Monitor) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector.New(log.NewNopLogger(),
		collector.NewFindings(m.Findings, rules.Severities(), &collector.Labels{}), collector.NewServices(m.Findings, s.sockets.Snapshot, s.services.Snapshot)))
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	var out bytes.Buffer // all or nothing: a textfile collector refuses half a file
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "cryptojack_scrape_") {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(&out, family); err != nil {
			return err
		}
	}
	_, err = stdout.Write(out.Bytes())
	return err
}

// await returns when something is done, at the latest after a time.
func await(ctx context.Context, most time.Duration, done func() bool) {
	ctx, stop := context.WithTimeout(ctx, most)
	defer stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// explain reports on one process alone. The exit code is that of its verdict.
func explain(m *monitor.Monitor, o *options, stdout, stderr io.Writer) int {
	explanation, ok := m.Explain(o.scanExplain, time.Now())
	if !ok {
		fmt.Fprintf(stderr, "%s: --explain: there is no process %d, or it has ended, or processes are not looked at\n", programName, o.scanExplain)
		return exitUnknown
	}
	write := report.ExplainJSON
	if o.scanFormat == formatText {
		write = report.ExplainText
	}
	if err := write(stdout, explanation); err != nil {
		fmt.Fprintf(stderr, "%s: the report could not be written: %v\n", programName, err)
		return exitUnknown
	}
	return report.SeverityCode(explanation.Severity)
}

// showProgress rewrites one line until the time is over.
func showProgress(ctx context.Context, progress *report.Progress, now func() report.Report) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	defer progress.Clear()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			progress.Show(now())
		}
	}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
