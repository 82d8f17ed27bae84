package sockets

import (
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// failures counts the reads that failed, and logs each kind of them once.
type failures struct {
	counts map[model.ReadError]uint64
	logged map[string]bool
	logger log.Logger
}

func newFailures(logger log.Logger) *failures {
	return &failures{counts: map[model.ReadError]uint64{}, logged: map[string]bool{}, logger: logger}
}

func (f *failures) count(aspect model.Aspect, err error) {
	f.counts[model.ReadError{Aspect: aspect, Reason: hostfs.ReasonOf(err)}]++
}

// report counts what could not be read of a network namespace, and logs it.
func (f *failures) report(message string, err error) {
	f.count(model.AspectNetns, err)
	f.logOnce(message, err)
}

// logOnce logs a message the first time that it is given.
func (f *failures) logOnce(message string, err error) {
	if f.logged[message] {
		return
	}
	f.logged[message] = true
	level.Warn(f.logger).Log("msg", message, "err", err)
}
