package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/version"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/ecs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/findingslog"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/notify"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// componentOutlets is what runs beside the sensors and tells others of findings, in the label `component`.
const componentOutlets = "outlets"

// outlets are what findings are told to, besides Prometheus and whoever looks at the page.
type outlets struct {
	events  *events.Follower
	past    *past
	log     *findingslog.Log // nil if --findings.log is not given
	notify  *notify.Notifier
	files   []*os.File
	monitor *monitor.Monitor // set before anything runs
	host    ecs.Host
}

// newOutlets opens what is written to. It is called before privileges are dropped.
func newOutlets(o *options, current func() *config.Config, stdout io.Writer, logger log.Logger) (*outlets, error) {
	told := &outlets{events: events.New(), past: newPast(o, logger), host: ecs.Host{Version: version.Version}}
	told.notify = notify.New(notify.Options{
		Webhook: func() *notify.Webhook { return current().Webhook }, Describe: told.describe,
		Version: version.Version, Now: time.Now, Pause: notify.Sleep, Logger: log.With(logger, "to", "webhook"),
	})
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		told.host.Architecture, told.host.Kernel = unix.ByteSliceToString(name.Machine[:]), unix.ByteSliceToString(name.Release[:])
	}
	told.files = told.past.files()
	if o.findingsLog == "" {
		return told, nil
	}
	var sink findingslog.Sink
	var err error
	switch o.findingsLog {
	case logStdout:
		sink = findingslog.Stream(stdout)
	case logJournal:
		sink, err = findingslog.Journal(findingslog.JournalSocket)
	default:
		sink, err = findingslog.File(o.findingsLog)
	}
	if err != nil {
		return nil, fmt.Errorf("--findings.log=%s: %w", o.findingsLog, err)
	}
	if sink.Descriptor != nil {
		told.files = append(told.files, sink.Descriptor)
	}
	told.log = findingslog.New(sink, told.document, logger)
	level.Info(logger).Log("msg", "findings are written as they come and go", "to", o.findingsLog)
	return told, nil
}

// document is an event for collectors of events, with all that is known of its finding.
func (o *outlets) document(e *events.Event) ecs.Document {
	host := o.host
	now := newReport(o.monitor, 0)
	now.Audience, host.Name = report.Full, now.Hostname
	return ecs.New(e, host, report.FindingDocument(now, &e.Finding))
}

// describe is what the webhook is told of findings: all that is known, with passwords masked. It is the user's own.
func (o *outlets) describe(findings []model.Finding) notify.Message {
	now := newReport(o.monitor, 0)
	now.Audience = report.Full
	message := notify.Message{Host: text.Escape(now.Hostname), Version: now.Version, Time: now.Now}
	for i := range findings {
		f := notify.Finding{Rule: findings[i].Rule, Document: report.FindingDocument(now, &findings[i])}
		var facts []report.Fact
		f.Title, facts, f.Evidence = report.Summary(now, &findings[i])
		for _, fact := range facts {
			f.Facts = append(f.Facts, notify.Fact(fact))
		}
		message.Findings = append(message.Findings, f)
	}
	return message
}

// report is what people are shown, with what does not reach them otherwise.
func (o *outlets) report() report.Report {
	r := newReport(o.monitor, 0)
	r.History, r.HistoryNote = o.past.history.Ended(), o.past.trouble()
	if trouble := o.notify.Trouble(); trouble != "" {
		r.Blind = append(r.Blind, trouble)
	}
	return r
}

// judged is called after each evaluation, and waits for nobody.
func (o *outlets) judged(m *monitor.Monitor) {
	o.notify.Judged(m.Findings())
	snapshot := m.Snapshot(time.Now())
	happened := o.events.Next(m.Findings(), &snapshot)
	o.past.history.Note(happened, snapshot.Time)
	o.past.judged(len(happened) > 0, m.Findings(), &snapshot)
	o.log.Offer(happened)
}

// followers are what has to run for all this.
func (o *outlets) followers() []monitor.Follower {
	followers := []monitor.Follower{{Name: componentOutlets, Run: o.notify.Run, Restart: true}}
	if o.past.saver != nil {
		followers = append(followers, monitor.Follower{Name: componentOutlets, Run: o.past.saver.Run, Restart: true})
	}
	if o.log != nil {
		followers = append(followers, monitor.Follower{Name: componentOutlets, Run: o.log.Run, Restart: true})
	}
	return followers
}
