package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

const (
	mostAtOnce = 20
	// coolDown keeps paths from their next user: the exporter holds findings
	// for 20 s after their last evidence, which may be a short process that it
	// shows for 5 s after the next sample.
	coolDown = 35 * time.Second
	// settle is how long an attack may yet turn out worse than a warning.
	settle = 10 * time.Second
	// tolerance takes up the rounding of shares of cores.
	tolerance = 1e-6
)

// lab plays scenarios under the eyes of one exporter.
type lab struct {
	burner   string
	log      *os.File
	progress io.Writer
	tracker  *tracker
	judge    *judge
	shared   *sharedDirectories
	names    *names
	capacity float64   // cores
	until    time.Time // nothing is started after it

	mutex sync.Mutex // of progress
}

// say writes a line of progress.
func (l *lab) say(format string, arguments ...any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	fmt.Fprintf(l.progress, time.Now().Format("15:04:05 ")+format+"\n", arguments...)
}

// playAll runs the scenarios, as many at once as there are cores for, and
// returns how they went. When the context ends, it returns what it has.
func (l *lab) playAll(ctx context.Context, chosen []scenario) []result {
	type cooling struct {
		*scenario
		until time.Time
	}
	var (
		results []result
		running []*scenario
		cold    []cooling
		done    = make(chan result)
		pending = make([]*scenario, 0, len(chosen))
	)
	for i := range chosen {
		pending = append(pending, &chosen[i])
	}
	free := func(s *scenario) bool {
		for _, other := range running {
			if s.conflicts(other) {
				return false
			}
		}
		for _, other := range cold {
			if time.Now().Before(other.until) && s.conflicts(other.scenario) {
				return false
			}
		}
		return true
	}
	// Those that burn take their turn in order, or one that needs several
	// cores would wait for ever.
	startDue := func() {
		queued := false
		var later []*scenario
		for _, s := range pending {
			burns := s.cores > 0
			if l.isOver(ctx) || len(running) >= mostAtOnce || burns && (queued || !l.fits(s, running)) || !free(s) {
				queued = queued || burns && !l.fits(s, running)
				later = append(later, s)
				continue
			}
			running = append(running, s)
			go func() { done <- l.perform(ctx, s) }()
		}
		pending = later
	}
	for ticker := time.NewTicker(pollInterval); ; {
		startDue()
		if len(running) == 0 && (len(pending) == 0 || l.isOver(ctx)) {
			ticker.Stop()
			return results
		}
		select {
		case r := <-done:
			results = append(results, r)
			for i, s := range running {
				if s == r.scenario {
					running = append(running[:i], running[i+1:]...)
					break
				}
			}
			cold = append(cold, cooling{scenario: r.scenario, until: time.Now().Add(coolDown)})
			l.say("%-11s %s %s: %s %s, %.1f s, %.2f cores %s; %d run, %d wait", r.outcome, r.kind(), r.name,
				orDash(string(r.verdict)), r.rule, r.seconds, r.cores, r.problem, len(running), len(pending))
		case <-ticker.C:
		}
	}
}

// isOver tells whether nothing more is to be started.
func (l *lab) isOver(ctx context.Context) bool { return ctx.Err() != nil || time.Now().After(l.until) }

// fits reports whether there are cores for one more scenario. One that asks for
// more than there are runs alone.
func (l *lab) fits(s *scenario, running []*scenario) bool {
	used := min(s.cores, l.capacity)
	for _, other := range running {
		used += min(other.cores, l.capacity)
	}
	return used <= l.capacity+tolerance
}

// perform plays one scenario and cleans up after it, whatever happens.
func (l *lab) perform(ctx context.Context, s *scenario) (r result) {
	for _, name := range s.programs {
		if lookPath(name) == "" {
			return result{scenario: s, outcome: outcomeAbsent, problem: name + " is not installed"}
		}
	}
	for _, name := range s.tools {
		if _, err := os.Stat(filepath.Join(filepath.Dir(l.burner), name)); err != nil {
			return result{scenario: s, outcome: outcomeAbsent, problem: name + " could not be built (e2e/lab/randomx/build)"}
		}
	}
	if s.unless != "" {
		if _, err := os.Lstat(s.unless); err == nil {
			return result{scenario: s, outcome: outcomeAbsent, problem: s.unless + " is the host's own"}
		}
	}
	if s.only != "" {
		if _, err := os.Stat(s.only); err != nil {
			return result{scenario: s, outcome: outcomeAbsent, problem: s.only + " is not here"}
		}
	}
	if s.asks && !l.judge.exporter.asks {
		return result{scenario: s, outcome: outcomeAbsent, problem: "services of this host's own are exposed, and would be asked too"}
	}
	played := &session{scenario: s, ctx: ctx, tracker: l.tracker, burner: l.burner, log: l.log, shared: l.shared, names: l.names}
	l.judge.begin(s)
	l.say("start       %s %s", s.kind(), s.name)
	defer func() {
		if problem := recover(); problem != nil {
			r = result{scenario: s, outcome: outcomeBroken, problem: fmt.Sprintf("panic: %v\n%s", problem, debug.Stack())}
		}
		l.judge.end(s)
		if err := played.clean(); err != nil {
			r.outcome, r.problem = outcomeBroken, strings.TrimSpace(r.problem+" cleanup: "+err.Error())
		}
	}()
	s.play(played)
	if played.err == nil {
		l.observe(played)
	}
	return l.verdict(played)
}

// observe returns when the verdict is clear or the time is up. A benign counterpart
// has its verdict when it was seen to burn, and nothing came of that.
func (l *lab) observe(s *session) {
	s.watched, s.used = time.Now(), l.tracker.cpuSeconds(s.name)
	for deadline := s.acted.Add(s.span()); time.Now().Before(deadline) && !s.stopped(); s.wait(pollInterval / 2) {
		s.fail(s.early())
		now := l.judge.state(s.name)
		if s.benign {
			if s.watch == 0 && s.needs != steady && !now.load.IsZero() && time.Since(now.load) > settle {
				return // it was judged with all that there is to see
			}
			continue
		}
		if at, seen := now.first[s.expect]; seen && (s.expect == critical || time.Since(at) > settle) {
			return
		}
	}
}

func (l *lab) verdict(s *session) result {
	r := decide(l.judge.state(s.name), s.acted)
	if elapsed := time.Since(s.watched).Seconds(); !s.watched.IsZero() && elapsed > 0 {
		r.cores = max(0, l.tracker.cpuSeconds(s.name)-s.used) / elapsed
	}
	if s.err != nil {
		r.problem = s.err.Error()
		// What was found stays found: an alarm about a program that has ended
		// is an alarm.
		if r.outcome != outcomeFalse {
			r.outcome = outcomeBroken
		}
		if errors.Is(s.err, context.Canceled) {
			r.problem = "interrupted"
		}
	}
	return r
}
