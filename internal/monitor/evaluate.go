package monitor

import (
	"context"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tracker"
)

const (
	componentDetection = "detection"

	// judgeRest is the least time between two evaluations: sensors that sample at
	// about the same time are judged together.
	judgeRest = 250 * time.Millisecond
	// loggedFindings bounds what one evaluation writes to the log.
	loggedFindings = 20
)

// newSample has the last samples judged.
func (m *Monitor) newSample() {
	select {
	case m.judge <- struct{}{}:
	default: // it will be
	}
}

// judgeSamples judges after each new sample, at once for the first.
func (m *Monitor) judgeSamples(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.judge:
		}
		m.evaluate(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-time.After(judgeRest):
		}
	}
}

// evaluate judges the last samples, as soon as there is one of every sensor. The
// findings stay as they were if it panics.
func (m *Monitor) evaluate(now time.Time) {
	if !m.complete() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.guard.run(componentDetection, func() error {
		m.judging.configure(m.options.Config(), m.options.OwnPID)
		snapshot := m.Snapshot(now)
		current := m.judging.judge(&snapshot)
		m.log(m.findings.Swap(current), current)
		if m.options.Judged != nil {
			m.options.Judged()
		}
		return nil
	})
	if err != nil {
		m.judging.forget()
	}
}

// judging is what is kept from one evaluation to the next.
type judging struct {
	tracker   *tracker.Tracker
	config    *config.Config
	policy    policy.Policy // of config
	exposures exposure.Finder
	evaluator *detect.Evaluator
}

// configure begins anew where the configuration is another, but for what findings were.
func (j *judging) configure(c *config.Config, ownPID int) {
	if j.config != c {
		j.config, j.policy = c, policyOf(c, ownPID)
		j.evaluator = detect.NewEvaluator(j.policy, c.Catalogue)
	}
}

// forget drops what a defect may have left half done.
func (j *judging) forget() { *j = judging{tracker: j.tracker} }

func (j *judging) judge(s *model.Snapshot) *model.Findings {
	exposures := j.exposures.Find(s, j.config.Catalogue)
	current := j.tracker.Update(s, j.evaluator.Evaluate(s, exposures))
	current.Pools, current.Exposures = detect.Pools(s, j.policy), exposures
	return current
}

func policyOf(c *config.Config, ownPID int) policy.Policy {
	policy := c.Policy
	policy.OwnPID = ownPID
	return policy
}

// Explain tells every signal that was considered for a process in the last
// samples; ok is false if there is none of that pid.
func (m *Monitor) Explain(pid int, now time.Time) (explanation detect.Explanation, ok bool) {
	config := m.options.Config()
	snapshot := m.Snapshot(now)
	return detect.Explain(&snapshot, policyOf(config, m.options.OwnPID), exposure.Find(&snapshot, config.Catalogue), pid)
}

// log writes what is new, and what has ended. Notes are not logged.
func (m *Monitor) log(before, current *model.Findings) {
	known := severities(before)
	lines := 0
	for i := range current.Active {
		finding := &current.Active[i]
		if finding.Severity == model.Info || known[finding.ID] == finding.Severity {
			continue
		}
		if lines++; lines > loggedFindings {
			level.Warn(m.options.Logger).Log("msg", "more findings than are logged", "findings", len(current.Active))
			break
		}
		level.Warn(m.options.Logger).Log("msg", "finding", "severity", finding.Severity, "rule", finding.Rule,
			"technique", finding.Technique, "title", finding.Title, "id", finding.ID)
	}
	still, ended := severities(current), 0
	for id, severity := range known {
		if _, ok := still[id]; ok || severity == model.Info {
			continue
		}
		if ended++; ended <= loggedFindings {
			level.Info(m.options.Logger).Log("msg", "finding ended", "severity", severity, "id", id)
		}
	}
}

func severities(findings *model.Findings) map[string]model.Severity {
	out := map[string]model.Severity{}
	if findings != nil {
		for i := range findings.Active {
			out[findings.Active[i].ID] = findings.Active[i].Severity
		}
	}
	return out
}
