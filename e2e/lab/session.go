package main

import (
	"context"
	"os"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// searchPath finds programs that every user may run.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin"

// session is one scenario while it is played: what it does on this host, and how
// that is taken back. After the first error everything else does nothing, and the
// scenario counts as broken.
type session struct {
	*scenario
	ctx      context.Context
	tracker  *tracker
	burner   string   // path of the burner
	log      *os.File // for what programs write
	err      error
	acted    time.Time // of the last essential action
	watched  time.Time // since when it is only watched
	used     float64   // seconds of CPU until then
	children []*programs.Program
	shared   *sharedDirectories
	names    *names
	undo     []func() error // the last first, after mounts and processes
	mounts   []string
	mayEnd   bool // its programs need not run to the end
}

// fail keeps the first error.
func (s *session) fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
	}
}

// stopped says whether the scenario goes no further: after an error or a signal.
func (s *session) stopped() bool {
	s.fail(s.ctx.Err())
	return s.err != nil
}

// act notes that something essential has just happened.
func (s *session) act() { s.acted = time.Now() }

// wait lets time pass.
func (s *session) wait(pause time.Duration) {
	if !s.stopped() {
		s.fail(programs.Pause(s.ctx, pause))
	}
}

// eventually waits until check returns nil.
func (s *session) eventually(limit time.Duration, what string, check func() error) {
	if !s.stopped() {
		s.fail(programs.Eventually(s.ctx, limit, what, check))
	}
}
