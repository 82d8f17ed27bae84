package persistence

import (
	"errors"
	"io"
	"io/fs"
	"maps"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// errBroken is why a line or file of a known format is not understood.
var errBroken = errors.New("a line is not understood")

// troubles counts what could not be read, and logs each kind of it once.
type troubles struct {
	logger log.Logger
	counts map[model.ReadError]uint64
}

func newTroubles(logger log.Logger) *troubles {
	return &troubles{logger: logger, counts: map[model.ReadError]uint64{}}
}

// count adds to the number of times that a file or directory could not be read.
func (t *troubles) count(path string, err error, times int) {
	if times <= 0 {
		return
	}
	key := model.ReadError{Aspect: model.AspectPersistence, Reason: hostfs.ReasonOf(err)}
	first := t.counts[key] == 0
	t.counts[key] += uint64(times)
	if first {
		level.Warn(t.logger).Log("msg", "cannot read what starts programs, further cases are only counted",
			"path", text.Escape(path), "reason", string(key.Reason), "err", err)
	}
}

// copy returns the counts for a snapshot.
func (t *troubles) copy() map[model.ReadError]uint64 { return maps.Clone(t.counts) }

// isAbsent tells whether there is nothing that could start a program: no file,
// or a link that leads nowhere.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENAMETOOLONG)
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) }
