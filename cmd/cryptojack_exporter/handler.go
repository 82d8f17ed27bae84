package main

import (
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
)

// newHandler puts every endpoint in its place.
func newHandler(o *options, m *monitor.Monitor, registry *prometheus.Registry, reload func() error, logger log.Logger) http.Handler {
	mux := http.NewServeMux()
	show := func() report.Report { return newReport(m, 0) }
	mux.Handle("/", report.NewPage(logger, o.telemetryPath, show))
	mux.Handle("/api/v1/findings", report.NewFindingsHandler(logger, show))
	mux.Handle(o.telemetryPath, newMetricsHandler(o, registry, logger))
	mux.HandleFunc("/-/healthy", func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(out, "healthy")
	})
	mux.HandleFunc("/-/ready", func(out http.ResponseWriter, _ *http.Request) {
		if !m.Ready() {
			http.Error(out, "the first sample is not finished", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(out, "ready")
	})
	mux.HandleFunc("/-/reload", func(out http.ResponseWriter, request *http.Request) {
		reloadOnPost(o.enableLifecycle, reload, out, request)
	})
	if o.enablePprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func newMetricsHandler(o *options, registry *prometheus.Registry, logger log.Logger) http.Handler {
	options := promhttp.HandlerOpts{
		ErrorLog:            errorLog{level.Error(logger)},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: o.maxRequests,
		EnableOpenMetrics:   true,
	}
	if !o.disableExporterMetrics {
		options.Registry = registry
	}
	return promhttp.HandlerFor(registry, options)
}

// errorLog lets promhttp write to our logger.
type errorLog struct{ logger log.Logger }

// Println implements promhttp.Logger.
func (l errorLog) Println(words ...any) {
	l.logger.Log("msg", "a scrape could not be answered in full", "err", fmt.Sprint(words...)) //nolint:errcheck // there is nowhere else to say it
}

func reloadOnPost(enabled bool, reload func() error, out http.ResponseWriter, request *http.Request) {
	switch {
	case !enabled:
		http.Error(out, "start with --web.enable-lifecycle to reload through HTTP", http.StatusForbidden)
	case request.Method != http.MethodPost:
		out.Header().Set("Allow", http.MethodPost)
		http.Error(out, "only POST reloads", http.StatusMethodNotAllowed)
	default:
		if err := reload(); err != nil {
			http.Error(out, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(out, "reloaded")
	}
}
