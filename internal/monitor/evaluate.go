package monitor

import (
	"context"
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
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
	_ = m.guard.run(componentDetection, func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		policy, services := m.policy()
		snapshot := m.Snapshot(now)
		exposures := exposure.Find(&snapshot, services)
		current := m.tracker.Update(&snapshot, detect.Evaluate(&snapshot, policy, services, exposures))
		current.Pools, current.Exposures = detect.Pools(&snapshot, policy), exposures
		m.log(m.findings.Swap(current), current)
		return nil
	})
}

func (m *Monitor) policy() (policy.Policy, *catalogue.Catalogue) {
	config := m.options.Config()
	policy := config.Policy
	policy.OwnPID = m.options.OwnPID
	return policy, config.Catalogue
}

// Explain tells every signal that was considered for a process in the last
// samples; ok is false if there is none of that pid.
func (m *Monitor) Explain(pid int, now time.Time) (explanation detect.Explanation, ok bool) {
	policy, services := m.policy()
	snapshot := m.Snapshot(now)
	return detect.Explain(&snapshot, policy, exposure.Find(&snapshot, services), pid)
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
