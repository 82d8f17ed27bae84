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
	var current atomic.Pointer[config.Config]
	current.Store(loaded)
	o.processInterval = min(o.processInterval, scanInterval)
	o.socketsInterval = min(o.socketsInterval, 2*time.Second)
	o.persistenceInterval = min(o.persistenceInterval, 5*time.Second)
	w, err := newWatch(o, &current, func(string, time.Duration) {}, logger)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", programName, err)
		return exitUnknown
	}

	began := time.Now()
	looking, stop := context.WithTimeout(ctx, o.scanFor)
	defer stop()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		w.Run(looking)
	}()
	if isTerminal(stderr) {
		showProgress(looking, report.NewProgress(stderr, o.scanFor), func() report.Report { return newReport(w, time.Since(began)) })
	}
	<-finished
	if ctx.Err() != nil {
		level.Warn(logger).Log("msg", "interrupted: the report covers less time than was asked for")
	}

	if o.scanExplain > 0 {
		return explain(w, o, stdout, stderr)
	}
	result := newReport(w, time.Since(began))
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

// explain reports on one process alone. The exit code is that of its verdict.
func explain(w *monitor.Monitor, o *options, stdout, stderr io.Writer) int {
	explanation, ok := w.Explain(o.scanExplain, time.Now())
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
