package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/webhook"
)

// scrapeLimit is how long the first scrape may take to come: four periods.
const scrapeLimit = 4 * period

// stack is a fresh exporter, Prometheus and Alertmanager, and the pager.
type stack struct {
	log      *os.File
	pager    *webhook.Receiver[webhook.Notification]
	servers  []*programs.Server
	exporter string // URL
}

// startStack starts everything and waits until the exporter was scraped. Each run
// has its own: Alertmanager does not send again what fires already.
func startStack(ctx context.Context, set settings, directory string, log *os.File) (_ *stack, err error) {
	s := &stack{log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.pager, err = webhook.Start[webhook.Notification](); err != nil {
		return nil, err
	}
	if err := programs.Assets(ctx, set.exporter, directory); err != nil {
		return nil, err
	}
	exporter, err := s.start(ctx, exec.Command(set.exporter))
	if err != nil {
		return nil, err
	}
	s.exporter = exporter.URL
	config, err := configureAlertmanager(directory, s.pager.URL)
	if err != nil {
		return nil, err
	}
	alertmanager, err := s.start(ctx, programs.Alertmanager(set.alertmanager, config))
	if err != nil {
		return nil, err
	}
	if config, err = configurePrometheus(directory, exporter.Address, alertmanager.Address); err != nil {
		return nil, err
	}
	prometheus, err := s.start(ctx, programs.Prometheus(set.prometheus, config))
	if err != nil {
		return nil, err
	}
	return s, programs.Eventually(ctx, scrapeLimit, "Prometheus scrapes the exporter", func() error {
		return scraped(ctx, prometheus.URL)
	})
}

func (s *stack) start(ctx context.Context, command *exec.Cmd) (*programs.Server, error) {
	command.Stdout, command.Stderr = s.log, s.log
	server, err := programs.StartServer(ctx, command, "/-/ready")
	if err == nil {
		s.servers = append(s.servers, server)
	}
	return server, err
}

// alive returns an error if a part has ended.
func (s *stack) alive() error {
	for _, server := range s.servers {
		if err := server.Ended(); err != nil {
			return err
		}
	}
	return nil
}

// page is a critical alert that reached the pager.
type page struct {
	alert    string // its name
	fired    time.Time
	received time.Time
}

// firstPage returns the first page that came. Of the critical alerts of one message
// the one counts that fired first.
func (s *stack) firstPage() (first page, came bool) {
	for _, message := range s.pager.Messages() {
		for _, a := range message.Body.Alerts {
			if a.Status != "firing" || a.Labels["severity"] != "critical" {
				continue
			}
			if !came || a.StartsAt.Before(first.fired) {
				first, came = page{a.Labels["alertname"], a.StartsAt, message.At}, true
			}
		}
		if came {
			break
		}
	}
	return first, came
}

// scraped returns an error unless Prometheus has scraped the exporter.
func scraped(ctx context.Context, prometheus string) error {
	var answer struct {
		Data struct {
			Result []json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := programs.Get(ctx, prometheus+"/api/v1/query?query=cryptojack_cpus", &answer); err != nil {
		return err
	}
	if len(answer.Data.Result) == 0 {
		return errors.New("there is no cryptojack_cpus")
	}
	return nil
}

// stop ends everything, politely first.
func (s *stack) stop() error {
	var failures []error
	for _, server := range slices.Backward(s.servers) {
		failures = append(failures, server.Stop())
	}
	if s.pager != nil {
		failures = append(failures, s.pager.Close())
	}
	return errors.Join(failures...)
}
