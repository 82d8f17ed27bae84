package persistence

import (
	"errors"
	"io"
	"io/fs"
	"slices"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// errBroken is why a line or file of a known format is not understood.
var errBroken = errors.New("a line is not understood")

// readErrors counts what could not be read, and logs each reason once.
type readErrors struct {
	logger log.Logger
	counts map[model.ReadError]uint64
}

func newReadErrors(logger log.Logger) *readErrors {
	return &readErrors{logger: logger, counts: map[model.ReadError]uint64{}}
}

// count adds to the number of times that a file or directory could not be read.
func (r *readErrors) count(path string, err error, times int) {
	if times <= 0 {
		return
	}
	key := model.ReadError{Aspect: model.AspectPersistence, Reason: hostfs.ReasonOf(err)}
	first := r.counts[key] == 0
	r.counts[key] += uint64(times)
	if first {
		level.Warn(r.logger).Log("msg", "cannot read what starts programs, further cases are only counted",
			"path", text.Escape(path), "reason", string(key.Reason), "err", err)
	}
}

// isAbsent reports whether there is nothing that could start a program: no file, one
// of another kind, or a link that leads nowhere.
func isAbsent(err error) bool {
	return slices.ContainsFunc([]error{
		fs.ErrNotExist, hostfs.ErrKind, unix.ENOTDIR, unix.ELOOP, unix.ENAMETOOLONG,
	}, func(absent error) bool { return errors.Is(err, absent) })
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
