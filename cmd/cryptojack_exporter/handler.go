package main

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cryptojack-exporter/cryptojack_exporter/alerts"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/runbooks"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/web"
)

const (
	maxReports  = 16 // requests for the page and the findings at a time
	maxReloads  = 4
	maxProfiles = 2
	// partOfOne is which part of the requests at a time one address may make.
	partOfOne = 4
)

// newHandler puts every endpoint in its place.
func newHandler(o *options, m *monitor.Monitor, show func() report.Report, registry *prometheus.Registry, reload func() error, logger log.Logger) (http.Handler, error) {
	texts, err := alerts.Runbooks()
	if err != nil {
		return nil, err
	}
	pages, err := runbooks.NewHandler(report.RunbookPath, texts)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	gate := &web.Gate{Hostname: os.Hostname, ConfigFile: *o.web.WebConfigFile}
	served := report.Served{
		Logger: logger,
		Show:   show,
		AudienceOf: func(request *http.Request) report.Audience {
			if gate.Caller(request) == web.Trusted {
				return report.Full
			}
			return report.Public
		},
	}
	reports := web.NewSlots(maxReports, partOfOne)
	mux.Handle("/", reports.Limited(gate.Closed(report.NewPage(served, o.telemetryPath))))
	mux.Handle("/api/v1/findings", reports.Limited(gate.Closed(report.NewFindingsHandler(served))))
	mux.Handle(o.telemetryPath, web.NewSlots(o.maxRequests, partOfOne).Limited(newMetricsHandler(o, registry, logger)))
	mux.HandleFunc(web.HealthPath, func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(out, web.HealthAnswer)
	})
	mux.HandleFunc("/-/ready", func(out http.ResponseWriter, _ *http.Request) {
		if !m.Ready() {
			http.Error(out, "the first sample is not finished", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(out, "ready")
	})
	mux.Handle("/-/reload", web.NewSlots(maxReloads, 1).Limited(gate.Closed(newReloadHandler(o.enableLifecycle, reload, gate))))
	if o.enablePprof {
		mux.Handle("/debug/pprof/", web.NewSlots(maxProfiles, 1).Limited(gate.TrustedOnly(newProfileHandler())))
	}
	mux.Handle(report.RunbookPath, reports.Limited(pages))
	return mux, nil
}

func newProfileHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func newMetricsHandler(o *options, registry *prometheus.Registry, logger log.Logger) http.Handler {
	options := promhttp.HandlerOpts{
		ErrorLog:          errorLog{level.Error(logger)},
		ErrorHandling:     promhttp.ContinueOnError,
		EnableOpenMetrics: true,
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

// newReloadHandler reads the configuration again on a POST that no other site has a browser send.
func newReloadHandler(enabled bool, reload func() error, gate *web.Gate) http.Handler {
	sameSite := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		switch {
		case !enabled:
			http.Error(out, "start with --web.enable-lifecycle to reload through HTTP", http.StatusForbidden)
		case request.Method != http.MethodPost:
			out.Header().Set("Allow", http.MethodPost)
			http.Error(out, "only POST reloads", http.StatusMethodNotAllowed)
		case sameSite.Check(request) != nil:
			http.Error(out, "a page of another site asks for this: it is refused", http.StatusForbidden)
		default:
			err := reload()
			switch {
			case err == nil:
				fmt.Fprintln(out, "reloaded")
			case gate.Caller(request) == web.Trusted:
				http.Error(out, err.Error(), http.StatusInternalServerError)
			default: // the error quotes the file
				http.Error(out, "the new configuration is not valid, and the one before stays in force; the exporter's log says why", http.StatusInternalServerError)
			}
		}
	})
}
