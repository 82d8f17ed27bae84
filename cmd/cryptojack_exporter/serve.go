package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sdnotify"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/state"
	ownweb "github.com/cryptojack-exporter/cryptojack_exporter/internal/web"
)

const stopTime = 5 * time.Second // for requests that are under way

// serve runs the exporter until the context ends.
func serve(ctx context.Context, o *options, stdout, stderr io.Writer) int {
	logger, base := newLogger(stderr, o.logFormat, o.logLevel)
	loaded, err := config.Load(o.configFiles...)
	if err != nil {
		level.Error(logger).Log("msg", "cannot start", "err", err)
		return exitFailure
	}
	logEnded(loaded, logger)
	if o.configCheck {
		level.Info(logger).Log("msg", "configuration is valid", "file", strings.Join(o.configFiles, ", "))
		return exitOK
	}
	level.Info(logger).Log(append([]any{"msg", "starting " + programName}, banner()...)...)
	limitGarbage()
	// Who reads the log may end, or be ended. What cannot be logged is lost then, and everything else goes on.
	signal.Ignore(syscall.SIGPIPE)

	registry := prometheus.NewRegistry()
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "cryptojack_sample_duration_seconds",
		Help:    "Wall-clock time that one sample of a sensor took, in seconds.",
		Buckets: prometheus.ExponentialBuckets(0.004, 10, 4),
	}, []string{"sensor"})
	var current atomic.Pointer[config.Config]
	current.Store(loaded)
	notify, err := sdnotify.New(os.Getenv, os.Getpid())
	if err != nil {
		level.Warn(logger).Log("msg", "the service manager is not told how the exporter is", "err", err)
	}
	defer notify.Close()
	told, err := newOutlets(o, current.Load, stdout, logger)
	if err != nil {
		level.Error(logger).Log("msg", "cannot start", "err", err)
		return exitFailure
	}
	reload := newReloader(o.configFiles, &current, notify, told.log.Reopen, logger)
	s, m, err := setUp(o, &current, newWatcher(o, durations, notify, told), logger)
	if err != nil {
		level.Error(logger).Log("msg", "cannot start", "err", err)
		return exitFailure
	}
	told.monitor, told.past.monitor = m, m
	registry.MustRegister(durations, versioncollector.NewCollector(programName), newCollectors(o, s, m, told, logger))
	registry.MustRegister(reload.metrics()...)
	if !o.disableExporterMetrics {
		registry.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled()), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}

	handler, err := newHandler(o, m, told.report, registry, reload.run, logger)
	if err != nil {
		level.Error(logger).Log("msg", "cannot start", "err", err)
		return exitFailure
	}
	server := ownweb.NewServer(handler, logger)
	server.ErrorLog = slog.NewLogLogger(newSlog(base).Handler(), slog.LevelDebug) // mistakes of callers, any of whom can make thousands
	return listen(ctx, server, o.web, m, told.past.saver, reload, notify, logger, base)
}

// newWatcher measures samples, and tells the service manager of them and of the verdict. Samples
// of processes are the sign of life: if there are none the exporter is blind, whatever else it does.
func newWatcher(o *options, durations *prometheus.HistogramVec, notify *sdnotify.Notifier, told *outlets) watcher {
	return watcher{
		followers: told.followers(), files: told.files, past: told.past,
		sampled: func(sensor string, took time.Duration, err error) {
			durations.WithLabelValues(sensor).Observe(took.Seconds())
			if err == nil && (sensor == "process" || !o.looksAtProcesses()) {
				notify.Alive(time.Now())
			}
		},
		judged: func(m *monitor.Monitor) {
			told.judged(m)
			if notify != nil {
				verdict, sentence := report.Headline(newReport(m, 0))
				notify.Judged(verdict, sentence, time.Now())
			}
		},
	}
}

// listen serves, watches and reloads until the context ends or the server
// cannot go on.
func listen(ctx context.Context, server *http.Server, flags *web.FlagConfig, m *monitor.Monitor, saver *state.Saver, reload *reloader, notify *sdnotify.Notifier, logger, base log.Logger) int {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		m.Run(ctx)
		saver.Finish()
	}()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	go reload.onSignal(ctx, hangup)
	go reload.watchLists(ctx, listsEvery)

	failed := make(chan error, 1)
	go func() { failed <- web.ListenAndServe(server, flags, newSlog(base)) }()
	code := exitOK
	select {
	case err := <-failed:
		if !errors.Is(err, http.ErrServerClosed) {
			level.Error(logger).Log("msg", "cannot serve; is the port in use, or --web.config.file wrong?", "err", err)
			code = exitFailure
		}
	case <-ctx.Done():
		level.Info(logger).Log("msg", "stopping")
		notify.Stopping()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if err := server.Shutdown(closing); err != nil {
			level.Warn(logger).Log("msg", "requests were cut off", "err", err)
		}
	}
	stop()
	select {
	case <-watched:
	case <-time.After(stopTime):
		level.Warn(logger).Log("msg", "a sensor is held up by a read that does not come back, and is left behind")
	}
	return code
}

// limitGarbage has memory collected more often than Go does by itself. Most of it is the table of processes, about which
// little changes from one sample to the next: there is little garbage, so that collecting it sooner costs next to
// nothing and saves nearly a third of the memory. GOGC of the environment goes first.
func limitGarbage() {
	const percent = 40
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
