package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
)

// The outcomes of a trial.
const (
	passed     = "passed"
	failed     = "FAILED"
	absentHere = "not here"
)

// result is how one trial went.
type result struct {
	*trial
	outcome string
	problem string
	peak    int64 // bytes that the exporter took at most
	seconds float64
}

// runner does trials, one at a time.
type runner struct {
	settings
	log      *os.File
	progress io.Writer
	shared   *target // by all that need none of their own; nil before the first and after its end
}

func (r *runner) say(done *result, number, all int) {
	fmt.Fprintf(r.progress, "%s %3d/%d %-8s %-45s %5.1f s %4d MiB %s\n", time.Now().Format("15:04:05"), number, all,
		done.outcome, done.name, done.seconds, done.peak>>20, done.problem)
}

func (r *runner) stopShared() error {
	if r.shared == nil {
		return nil
	}
	ended := r.shared
	r.shared = nil
	return ended.stop(r.log)
}

// perform does one trial and takes everything back, whatever happens.
func (r *runner) perform(ctx context.Context, t *trial) (done result) {
	began := time.Now()
	done = result{trial: t, outcome: passed}
	s := &session{Context: ctx, set: r.settings, name: t.name}
	var outer []func() error // takes back what the exporter stands on, and itself
	var watched *watch
	err := contain(func() (err error) {
		s.target, err = r.targetFor(s, t)
		outer, s.undo = s.undo, nil
		if err != nil {
			return err
		}
		if watched, err = s.target.watch(ctx, t.alone()); err != nil {
			return err
		}
		if err := t.act(s); err != nil {
			return err
		}
		if err := watched.told(ctx, t); err != nil {
			return err
		}
		return watched.survived(ctx, t)
	})
	cleaned := s.clean()
	if err == nil && cleaned == nil {
		err = watched.released(ctx)
	}
	if watched != nil {
		done.peak = watched.peak
	}
	s.undo = outer
	cleaned = errors.Join(cleaned, s.clean())
	// One that others share must be in order for the next.
	if !t.alone() && err != nil && !errors.Is(err, errAbsent) {
		cleaned = errors.Join(cleaned, r.stopShared())
	}
	done.seconds = time.Since(began).Seconds()
	switch {
	case err == nil && cleaned == nil:
	case cleaned == nil && errors.Is(err, errAbsent):
		done.outcome, done.problem = absentHere, err.Error()
	default:
		done.outcome, done.problem = failed, errors.Join(err, cleaned).Error()
	}
	return done
}

// contain makes an error of a panic: what a trial has done must be taken back.
func contain(function func() error) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v\n%s", problem, debug.Stack())
		}
	}()
	return function()
}

// targetFor is the exporter that a trial is done to. One of its own is stopped by the session.
func (r *runner) targetFor(s *session, t *trial) (*target, error) {
	if !t.alone() {
		if r.shared == nil {
			started, err := startTarget(s, r.exporter, r.directory, nil, nil)
			if err != nil {
				return nil, err
			}
			r.shared = started
		}
		return r.shared, nil
	}
	var before []string
	if t.before != nil {
		var err error
		if before, err = t.before(s); err != nil {
			return nil, err
		}
	}
	started, err := startTarget(s, r.exporter, r.directory, before, t.flags)
	if err != nil {
		return nil, err
	}
	s.later(func() error { return started.stop(r.log) })
	return started, nil
}

// told waits until everything that must be told is, all at once.
func (w *watch) told(ctx context.Context, t *trial) error {
	line, err := regexp.Compile(t.log)
	if err != nil {
		return err
	}
	return eventually(ctx, t.wait(), "it is told", func() error {
		now, err := w.target.scrape(ctx)
		if err != nil {
			return err
		}
		if err := checkAll(t.told, w.before, now); err != nil {
			return err
		}
		said, err := w.target.logged()
		if err != nil {
			return err
		}
		if !line.MatchString(said[w.logged:]) {
			return fmt.Errorf("no line of the log matches %q", t.log)
		}
		return w.finds(ctx, t.found, true)
	})
}

// finds checks that each expression matches a finding, or that none does.
func (w *watch) finds(ctx context.Context, expressions []string, wanted bool) error {
	if len(expressions) == 0 {
		return nil
	}
	all, err := w.target.findings(ctx)
	if err != nil {
		return err
	}
	var lines []string
	for i := range all {
		lines = append(lines, all[i].String())
	}
	for _, expression := range expressions {
		form, err := regexp.Compile(`(?s)` + expression)
		if err != nil {
			return err
		}
		matched := ""
		for _, line := range lines {
			if form.MatchString(line) {
				matched = line
			}
		}
		switch {
		case wanted && matched == "":
			return fmt.Errorf("no finding matches %q, there are:\n%.2000s", expression, strings.Join(lines, "\n"))
		case !wanted && matched != "":
			return fmt.Errorf("a finding matches %q: %s", expression, matched)
		}
	}
	return nil
}
