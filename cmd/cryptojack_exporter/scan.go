package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"
	"golang.org/x/term"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
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
	loaded, err := config.Load(o.configFile)
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
	_, m, err := setUp(o, &current, watcher{sampled: func(string, time.Duration, error) {}, judged: func(*monitor.Monitor) {}}, logger)
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
	write := report.JSON
	if o.scanFormat == formatText {
		write = func(out io.Writer, r report.Report) error {
			return report.Text(out, r, isTerminal(stdout) && os.Getenv("NO_COLOR") == "")
		}
	}
	if err := write(stdout, result); err != nil {
		fmt.Fprintf(stderr, "%s: the report could not be written: %v\n", programName, err)
		return exitUnknown
	}
	return report.ExitCode(result)
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
