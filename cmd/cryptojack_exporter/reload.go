package main

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/sdnotify"
)

// reloader reads the configuration again. A new file that is invalid changes
// nothing.
type reloader struct {
	file    string
	current *atomic.Pointer[config.Config]
	notify  *sdnotify.Notifier
	reopen  func() // what is written to, and may have been renamed
	logger  log.Logger

	mu         sync.Mutex
	successful prometheus.Gauge
	timestamp  prometheus.Gauge
}

// newReloader is made after the first load, which has succeeded.
func newReloader(file string, current *atomic.Pointer[config.Config], notify *sdnotify.Notifier, reopen func(), logger log.Logger) *reloader {
	r := &reloader{
		file: file, current: current, notify: notify, reopen: reopen, logger: logger,
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cryptojack_config_last_reload_successful",
			Help: "1 if the configuration was valid when it was last read, else 0 and the one before stays in force.",
		}),
		timestamp: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cryptojack_config_last_reload_success_timestamp_seconds",
			Help: "When a valid configuration was last read, in seconds since the epoch.",
		}),
	}
	r.successful.Set(1)
	r.timestamp.Set(float64(time.Now().Unix()))
	return r
}

func (r *reloader) metrics() []prometheus.Collector {
	return []prometheus.Collector{r.successful, r.timestamp}
}

// run reads the file once.
func (r *reloader) run() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reopen()
	r.notify.Reloading()
	defer r.notify.Reloaded()
	loaded, err := config.Load(r.file)
	if err != nil {
		r.successful.Set(0)
		level.Error(r.logger).Log("msg", "the configuration stays as it was", "err", err)
		return err
	}
	r.current.Store(loaded)
	r.successful.Set(1)
	r.timestamp.Set(float64(time.Now().Unix()))
	level.Info(r.logger).Log("msg", "configuration read", "file", r.file)
	logEnded(loaded, r.logger)
	return nil
}

// logEnded says which entries of the allow list had ended when they were read.
func logEnded(loaded *config.Config, logger log.Logger) {
	for _, sentence := range loaded.Ended(time.Now()) {
		level.Warn(logger).Log("msg", "an entry of the allow list has ended", "entry", sentence)
	}
}

// onSignal reads the file at each signal until the context ends.
func (r *reloader) onSignal(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			_ = r.run() // logged and counted there
		}
	}
}
