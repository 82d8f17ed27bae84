package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// lookEvery is how often the exporter is asked for its findings: as exact as
// the share of sensing is.
const lookEvery = 50 * time.Millisecond

const (
	// spoiltPause lets go away what has spoilt a run.
	spoiltPause = 30 * time.Second
	spoiltLimit = 20
)

// outcome is one attack, with the times at which it got further.
type outcome struct {
	kind     string
	paged    bool
	alert    string    // that paged
	began    time.Time // just before execve(2)
	evident  time.Time // just before the execve(2) that made it what it is: the same, or that of a program that came back; zero if it was not seen
	sensed   time.Time // the exporter has a critical finding
	fired    time.Time // the evaluation in which the alert fired
	received time.Time
}

func (o outcome) total() time.Duration { return o.received.Sub(o.began) }

// strangerError is a run that something else on this host has spoilt, by a
// critical finding or an alert.
type strangerError struct{ finding string }

func (e strangerError) Error() string {
	return "something critical that is not the bench's: " + e.finding
}

type bench struct {
	settings
	progress io.Writer
}

// runAll plays the kinds in turn until there are enough runs. A run that was
// spoilt is played again, but not for ever. With an error it returns what there
// is so far.
func (b *bench) runAll(ctx context.Context) (outcomes []outcome, err error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Not in /tmp, where the exporter would look at all that Prometheus writes.
	directory, err := os.MkdirTemp(filepath.Dir(own), "pagebench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	log, err := os.OpenFile(own+".log", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()

	all := kinds()
	for spoilt := 0; len(outcomes) < b.runs; {
		o, err := b.runOne(ctx, all[len(outcomes)%len(all)], filepath.Join(directory, fmt.Sprint(len(outcomes), "-", spoilt)), log)
		var stranger strangerError
		if errors.As(err, &stranger) && spoilt < spoiltLimit {
			spoilt++
			fmt.Fprintf(b.progress, "run again in %s: %v\n", spoiltPause, err)
			err = programs.Pause(ctx, spoiltPause)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return outcomes, err
		}
		outcomes = append(outcomes, o)
		fmt.Fprintf(b.progress, "%2d/%d %s\n", len(outcomes), b.runs, o)
	}
	return outcomes, nil
}

// String is a line of progress: the whole time and its parts.
func (o outcome) String() string {
	if !o.paged {
		return "no page: " + o.kind
	}
	line := fmt.Sprintf("%5.1f s =", o.total().Seconds())
	for _, p := range parts() {
		line += fmt.Sprintf(" %4.1f", p.of(o).Seconds())
	}
	return line + "  " + o.kind + " (" + o.alert + ")"
}

// runOne starts a fresh stack and plays one attack.
func (b *bench) runOne(ctx context.Context, k kind, directory string, log *os.File) (o outcome, err error) {
	if err := os.Mkdir(directory, 0o755); err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	watching, err := startStack(ctx, b.settings, directory, log)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, watching.stop()) }()
	if !b.short {
		// A random phase of scrapes. That of evaluations, which keep to the wall
		// clock, differs from it by the exporter's port.
		if err := programs.Pause(ctx, rand.N(period)); err != nil {
			return o, err
		}
	}
	mark := newMark()
	if _, err := watching.critical(ctx, mark); err != nil {
		return o, err
	}
	acting := &attackRun{}
	defer func() { err = errors.Join(err, acting.clean()) }()
	a := k.make(mark)
	if err := acting.place(b.burner, a.files); err != nil {
		return o, err
	}
	o = outcome{kind: k.name}
	if o.began, err = acting.start(a, log); err != nil {
		return o, err
	}
	o.evident = o.began
	return o, watching.follow(ctx, mark, k.back, &o)
}

// follow waits until the attack is paged for, and looks meanwhile when the
// exporter has found it.
func (s *stack) follow(ctx context.Context, mark string, back bool, o *outcome) error {
	for overdue := time.Now().Add(patience); time.Now().Before(overdue); {
		first, came := s.firstPage()
		if came {
			o.paged, o.alert, o.fired, o.received = true, first.alert, first.fired, first.received
		}
		if came || o.sensed.IsZero() {
			pid, found, err := s.criticalPID(ctx, mark)
			switch {
			case err != nil:
				return err
			case came && !found:
				return strangerError{first.alert}
			case came:
				return nil
			case found:
				o.sensed = time.Now()
				if back {
					o.evident = startOf(pid, o.sensed)
				}
			}
		}
		if err := programs.Pause(ctx, lookEvery); err != nil {
			return err
		}
	}
	return s.alive()
}

// critical reports whether the exporter has a critical finding about the attack
// with the mark. One about anything else is an error.
func (s *stack) critical(ctx context.Context, mark string) (bool, error) {
	_, found, err := s.criticalPID(ctx, mark)
	return found, err
}

// criticalPID returns besides the youngest process of the attack that such findings name, or 0.
func (s *stack) criticalPID(ctx context.Context, mark string) (pid int, found bool, err error) {
	var answer struct {
		Findings []json.RawMessage `json:"findings"`
	}
	if err := programs.Get(ctx, s.exporter+"/api/v1/findings", &answer); err != nil {
		return 0, false, err
	}
	for _, raw := range answer.Findings {
		var finding struct {
			Severity, Title string
			Suspect         struct{ PIDs []int }
		}
		if err := json.Unmarshal(raw, &finding); err != nil {
			return 0, false, err
		}
		switch {
		case finding.Severity != "critical":
		case strings.Contains(string(raw), mark):
			found = true
			for _, named := range finding.Suspect.PIDs {
				pid = max(pid, named)
			}
		default:
			return 0, false, strangerError{finding.Title}
		}
	}
	return pid, found, nil
}
