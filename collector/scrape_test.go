package collector

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// BenchmarkScrape scrapes as Prometheus does: an ordinary host, one on which an attacker
// chose every name, and that one with as many sockets and entries as there may be.
func BenchmarkScrape(b *testing.B) {
	full := hostile()
	for i := range 10_000 {
		full.sockets.Sockets = append(full.sockets.Sockets, model.Socket{Protocol: model.TCP, Address: "127.0.0.1", Port: uint16(i), Scope: model.ScopeLoopback, OwnerExe: "/usr/bin/worker"})
	}
	for i := range 3096 {
		full.persistence.Entries = append(full.persistence.Entries, model.PersistenceEntry{Kind: model.PersistenceSystemdService, Path: fmt.Sprintf("/etc/systemd/system/%d.service", i)})
	}
	for name, host := range map[string]*snapshots{"ordinary": infected(), "hostile": hostile(), "full": full} {
		b.Run(name, func(b *testing.B) {
			registry := prometheus.NewRegistry()
			registry.MustRegister(unchecked{host.set()})
			handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
			request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3")
			request.Header.Set("Accept-Encoding", "gzip")
			b.ReportAllocs()
			for b.Loop() {
				out := httptest.NewRecorder()
				handler.ServeHTTP(out, request)
				if out.Code != http.StatusOK {
					b.Fatal(out.Code, out.Body.String())
				}
			}
		})
	}
}
