// Package desktop shows the findings of this host to whoever sits in front of it: it asks the exporter as anybody on this host may,
// and has the desktop show what is new. It needs no privileges, and keeps nothing.
package desktop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/godbus/dbus/v5"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	maxAnswer = 32 << 20 // bytes; a report of 1,024 findings has some 7 MB
	askTime   = 10 * time.Second
	// mostAtOnce is how many notifications are shown of one look; more become one.
	mostAtOnce = 4
	// silence is how long the exporter may not answer before that is shown.
	silence  = time.Minute
	maxWords = 300 // bytes of a line
)

// Options are what is watched, and how.
type Options struct {
	URL      *url.URL // of the exporter's page
	Bus      string   // address of the session bus
	Every    time.Duration
	Warnings bool // also what is not critical
	Now      func() time.Time
	Logger   log.Logger
}

// report is what is read of /api/v1/findings.
type report struct {
	Host     string    `json:"host"`
	Findings []finding `json:"findings"`
}

type finding struct {
	ID       string   `json:"id"`
	Severity string   `json:"severity"`
	Title    string   `json:"title"`
	Suspect  *suspect `json:"suspect"`
}

type suspect struct {
	Exe      string    `json:"exe"`
	Guardian *guardian `json:"guardian"`
	Entry    *entry    `json:"entry"`
}

type guardian struct {
	Exe  string `json:"exe"`
	Comm string `json:"comm"`
	Unit string `json:"unit"`
	Path string `json:"path"`
}

type entry struct {
	App     string `json:"app"`
	Process string `json:"process"`
	Port    uint16 `json:"port"`
}

// Watcher shows findings until its context ends.
type Watcher struct {
	options Options
	client  *http.Client

	bus     *bus              // nil while there is no connection
	shown   map[string]string // finding -> the severity that was shown
	answers time.Time         // when the exporter last answered, or the watch began
	missed  bool              // it was shown that it does not
	failing map[string]string // what -> the error that was logged
}

// New returns a watcher that has not begun.
func New(o Options) *Watcher {
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: askTime}).DialContext, DisableKeepAlives: true}
	return &Watcher{
		options: o, client: &http.Client{Transport: transport, Timeout: askTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		shown: map[string]string{}, answers: o.Now(), failing: map[string]string{},
	}
}

// Run looks again and again. What the desktop did not take is shown as soon as it does.
func (w *Watcher) Run(ctx context.Context) {
	defer w.disconnect()
	ticker := time.NewTicker(w.options.Every)
	defer ticker.Stop()
	for {
		w.look(ctx)
		for again := false; !again; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				again = true
			case signal, ok := <-w.signals():
				if !ok {
					w.disconnect()
					continue
				}
				w.note("click", w.bus.clicked(ctx, signal))
			}
		}
	}
}

// signals are those of the connection; without one there are none.
func (w *Watcher) signals() <-chan *dbus.Signal {
	if w.bus == nil {
		return nil
	}
	return w.bus.signals
}

// look asks the exporter once and shows what is new.
func (w *Watcher) look(ctx context.Context) {
	found, err := w.ask(ctx)
	if ctx.Err() != nil {
		return
	}
	w.note("exporter", err)
	if err != nil {
		if !w.missed && w.options.Now().Sub(w.answers) >= silence {
			w.missed = w.show(ctx, note{
				summary: "cryptojack_exporter does not answer",
				body:    "Nothing watches this computer for miners now. Look with: systemctl status cryptojack_exporter",
			})
		}
		return
	}
	w.answers, w.missed = w.options.Now(), false
	fresh := w.fresh(found)
	if len(fresh) > mostAtOnce {
		if w.show(ctx, summary(found.Host, fresh)) {
			w.remember(fresh)
		}
		return
	}
	for _, f := range fresh {
		if w.show(ctx, noteOf(found.Host, f)) {
			w.remember([]finding{f})
		}
	}
}

func (w *Watcher) ask(ctx context.Context) (*report, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.options.URL.JoinPath("api/v1/findings").String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", request.URL.Redacted(), response.Status)
	}
	var found report
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&found); err != nil {
		return nil, fmt.Errorf("%s does not answer as an exporter does: %w", request.URL.Redacted(), err)
	}
	return &found, nil
}

// fresh are the findings that were not shown as they are now, and forgets those that have ended.
func (w *Watcher) fresh(found *report) []finding {
	active := map[string]bool{}
	var fresh []finding
	for _, f := range found.Findings {
		active[f.ID] = true
		before := w.shown[f.ID]
		if f.Severity == "critical" && before != "critical" || w.options.Warnings && f.Severity == "warning" && before == "" {
			fresh = append(fresh, f)
		}
	}
	for id := range w.shown {
		if !active[id] {
			delete(w.shown, id)
		}
	}
	return fresh
}

func (w *Watcher) remember(findings []finding) {
	for _, f := range findings {
		w.shown[f.ID] = f.Severity
	}
}

// show tells whether the desktop took a note. It connects anew where there is no connection.
func (w *Watcher) show(ctx context.Context, n note) bool {
	var err error
	if w.bus == nil {
		w.bus, err = connect(ctx, w.options.Bus, w.options.URL.String())
	}
	if err == nil {
		if err = w.bus.show(ctx, n); err != nil {
			w.disconnect()
		}
	}
	w.note("desktop", err)
	return err == nil
}

func (w *Watcher) disconnect() {
	if w.bus == nil {
		return
	}
	w.bus.close()
	w.bus = nil
}

// note logs what fails once, and when it works again.
func (w *Watcher) note(what string, err error) {
	switch {
	case err == nil && w.failing[what] != "":
		level.Info(w.options.Logger).Log("msg", "it works again", "what", what)
		w.failing[what] = ""
	case err != nil && w.failing[what] == "":
		level.Warn(w.options.Logger).Log("msg", "it is tried again", "what", what, "err", err)
		w.failing[what] = err.Error()
	}
}

// noteOf is what is shown of one finding. What an exporter says is escaped once more: any program may have taken its port.
func noteOf(host string, f finding) note {
	n := note{summary: "A finding on " + line(host), urgent: f.Severity == "critical", body: line(f.Title)}
	if f.Severity == "critical" && f.Suspect != nil {
		n.summary = "A miner runs on " + line(host)
	}
	if s := f.Suspect; s != nil {
		if g := s.Guardian; g != nil {
			n.body += "\nKept alive by " + line(firstOf(g.Unit, g.Path, g.Exe, g.Comm))
		}
		if e := s.Entry; e != nil {
			n.body += fmt.Sprintf("\nCame in by %s on port %d", line(firstOf(e.App, e.Process)), e.Port)
		}
	}
	n.body += "\nWhat to do: sudo cryptojack_exporter scan"
	return n
}

// summary is what is shown of many.
func summary(host string, all []finding) note {
	n := note{summary: fmt.Sprintf("%d findings on %s", len(all), line(host))}
	for i, f := range all {
		n.urgent = n.urgent || f.Severity == "critical"
		if i < mostAtOnce {
			n.body += line(f.Title) + "\n"
		}
	}
	n.body += fmt.Sprintf("and %d more.\nWhat to do: sudo cryptojack_exporter scan", len(all)-mostAtOnce)
	return n
}

func firstOf(words ...string) string {
	for _, word := range words {
		if word != "" {
			return word
		}
	}
	return "?"
}

// line is one line that is fit to be shown.
func line(s string) string {
	s = text.Escape(s)
	if len(s) <= maxWords {
		return s
	}
	return strings.ToValidUTF8(s[:maxWords-3], "") + "..."
}
