package main

import (
	"os"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/history"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/state"
)

const (
	// raisedAgainWithin is how long at least a finding of before a restart is waited for: load is seen after a minute.
	raisedAgainWithin = 2 * time.Minute
	// seenEvery is how often it is written when findings were seen last, if nothing else has changed.
	seenEvery = 5 * time.Minute
)

// past is what is known of the time before now: what is over and, with --state.dir, what was known before the last start.
type past struct {
	history      *history.Keeper
	store        *state.Store // nil if nothing is written
	saver        *state.Saver // nil if nothing is written
	difficulties []string     // with what was kept, sentences
	before       *model.PersistenceBaseline
	keeps        bool
	monitor      *monitor.Monitor // set before anything runs

	// As they were when it was last said that they have changed. Only judged looks at them.
	baseline *model.PersistenceBaseline
	respawns uint64
	said     time.Time
}

// newPast reads what was kept. It is called before privileges are dropped, and never fails: without a past the exporter finds
// as much.
func newPast(o *options, logger log.Logger) *past {
	p := &past{history: history.New()}
	if o.stateDirectory == "" {
		return p
	}
	p.keeps = true
	var saved state.Saved
	p.store, saved, p.difficulties = state.Open(o.stateDirectory)
	for _, difficulty := range p.difficulties {
		level.Error(logger).Log("msg", "what was known before the start is not all there", "err", difficulty)
	}
	p.history.Restore(saved.Active, saved.History, time.Now(), max(o.hold, raisedAgainWithin))
	p.before = saved.Persistence
	if p.store != nil {
		p.saver = state.NewSaver(p.store, p.content, logger)
		level.Info(logger).Log("msg", "what is known is kept over restarts", "directory", o.stateDirectory, "active", len(saved.Active), "ended", len(saved.History))
	}
	return p
}

// files are those that are written to.
func (p *past) files() []*os.File { return p.store.Files() }

// content is what is to be written.
func (p *past) content() ([]byte, error) {
	var saved state.Saved
	if findings := p.monitor.Findings(); findings != nil {
		saved.Active, saved.History = p.history.Kept(findings.Active)
	}
	saved.Persistence = p.before
	if s := p.monitor.Snapshot(time.Now()).Persistence; s != nil {
		saved.Persistence = s.Baseline
	}
	return state.Encode(saved)
}

// judged is called after each evaluation, with whether anything happened.
func (p *past) judged(happened bool, findings *model.Findings, s *model.Snapshot) {
	if p.saver == nil {
		return
	}
	respawns := uint64(0)
	for i := range findings.Active {
		if suspect := findings.Active[i].Suspect; suspect != nil {
			respawns += suspect.Respawns
		}
	}
	var baseline *model.PersistenceBaseline
	if s.Persistence != nil {
		baseline = s.Persistence.Baseline
	}
	old := len(findings.Active) > 0 && s.Time.Sub(p.said) > seenEvery
	if happened || old || respawns != p.respawns || baseline != p.baseline {
		p.respawns, p.baseline, p.said = respawns, baseline, s.Time
		p.saver.Changed()
	}
}

// trouble is what the page says of what was kept, and could not be.
func (p *past) trouble() string {
	sentences := append([]string(nil), p.difficulties...)
	if trouble := p.saver.Trouble(); trouble != "" {
		sentences = append(sentences, trouble)
	}
	return strings.Join(sentences, " ")
}
