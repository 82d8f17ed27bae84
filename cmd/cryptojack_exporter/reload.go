package main

import (
	"context"
	"os"
	"strings"
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
	files   []string
	current *atomic.Pointer[config.Config]
	notify  *sdnotify.Notifier
	reopen  func() // what is written to, and may have been renamed
	logger  log.Logger

	mu         sync.Mutex
	fileFailed bool
	listsError string // of the files of indicators; "" if the last look at them was well
	successful prometheus.Gauge
	timestamp  prometheus.Gauge
}

// listsEvery is the time between two looks at the files of indicators.
const listsEvery = 30 * time.Second

// newReloader is made after the first load, which has succeeded.
func newReloader(files []string, current *atomic.Pointer[config.Config], notify *sdnotify.Notifier, reopen func(), logger log.Logger) *reloader {
	r := &reloader{
		files: files, current: current, notify: notify, reopen: reopen, logger: logger,
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
	return []prometheus.Collector{r.successful, r.timestamp, lists{r.current}}
}

// run reads the file once.
func (r *reloader) run() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reopen()
	r.notify.Reloading()
	defer r.notify.Reloaded()
	loaded, err := config.Load(r.files...)
	r.fileFailed = err != nil
	if err != nil {
		r.tell()
		level.Error(r.logger).Log("msg", "the configuration stays as it was", "err", err)
		return err
	}
	r.current.Store(loaded)
	r.listsError = ""
	r.tell()
	r.timestamp.Set(float64(time.Now().Unix()))
	level.Info(r.logger).Log("msg", "configuration read", "file", strings.Join(r.files, ", "))
	logEnded(loaded, r.logger)
	return nil
}

// tell says whether all that is in force is what the files have.
func (r *reloader) tell() {
	r.successful.Set(1)
	if r.fileFailed || r.listsError != "" {
		r.successful.Set(0)
	}
}

// refreshLists reads the files of indicators again if one has changed. What cannot be read, or has a mistake, stays as it was.
func (r *reloader) refreshLists() {
	before := r.current.Load()
	next, err := before.WithNewLists() // not under the lock: a file may lie where reads hang
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := ""
	if err != nil {
		failed = err.Error()
	}
	switch {
	case failed != "" && failed != r.listsError:
		level.Error(r.logger).Log("msg", "the files of indicators stay as they were", "err", err)
	case failed == "" && next != nil && r.current.CompareAndSwap(before, next):
		counted := next.Lists()
		level.Info(r.logger).Log("msg", "files of indicators read", "hashes", counted.Hashes, "pools", counted.Pools)
		r.timestamp.Set(float64(time.Now().Unix()))
	}
	r.listsError = failed
	r.tell()
}

// watchLists looks at the files of indicators until the context ends.
func (r *reloader) watchLists(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.refreshLists()
		}
	}
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
