package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// trial is one hostile thing that is done on this host, and what must come of it.
// Beyond that the exporter must stay alive, answer, sample on and leak nothing, see check.go.
type trial struct {
	name  string
	does  string // one plain sentence
	short bool   // it is part of the short form

	// An exporter of its own is started if one of these is set, else all share one.
	own   bool
	flags []string
	// before prepares what an exporter of its own starts in. It returns the command line
	// that starts it and takes its own as further arguments, such as {"prlimit",
	// "--nofile=64"}, which must keep the pid; or none.
	before func(s *session) ([]string, error)

	// act does it. What it leaves running or standing it hands to session.later. An
	// error of absent says that it cannot be done here.
	act func(s *session) error

	told     []string      // that must come true, see expectation
	log      string        // regular expression of what must be logged, once for all exporters of the trial
	found    []string      // regular expressions: of each there must be a finding, see finding.String
	notFound []string      // of these none
	mebibyte int           // that the exporter may take at most at any time; 0: usualMemory
	within   time.Duration // that what must come may take; 0: usualWait
}

// usualMemory is what the exporter may take, in MiB, whatever is done: half of what the
// unit allows it.
const usualMemory = 128

// usualWait is how long what must come may take, on a busy machine. Usually it takes a
// sample, see sampling.
const usualWait = time.Minute

func (t *trial) memory() int64 {
	if t.mebibyte > 0 {
		return int64(t.mebibyte) << 20
	}
	return usualMemory << 20
}

func (t *trial) wait() time.Duration {
	if t.within > 0 {
		return t.within
	}
	return usualWait
}

func (t *trial) alone() bool { return t.own || len(t.flags) > 0 || t.before != nil }

// allTrials lists every trial, in the order in which they are done.
func allTrials() []trial {
	return slices.Concat(
		nameTrials(),
		processTrials(),
		signalTrials(),
		blindnessTrials(),
		limitTrials(),
		namespaceTrials(),
		fuseTrials(),
		httpTrials(),
		fileTrials(),
		configurationTrials(),
		entryTrials(),
		serviceTrials(),
	)
}

func choose(all []trial, short bool, only *regexp.Regexp) []trial {
	return slices.DeleteFunc(all, func(t trial) bool {
		return short && !t.short || !only.MatchString(t.name)
	})
}

// errAbsent is the error about what cannot be done here.
var errAbsent = errors.New("not here")

func absentf(format string, arguments ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errAbsent}, arguments...)...)
}
