package files

import (
	"errors"
	"maps"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// troubles counts what could not be read, and logs each kind of it once.
type troubles struct {
	logger log.Logger
	counts map[model.ReadError]uint64
	told   map[string]bool // directories whose truncation was logged
	many   bool            // more directories than inotify watches: was logged
	crowd  bool            // more containers than are looked into: was logged
}

func newTroubles(logger log.Logger) *troubles {
	return &troubles{logger: logger, counts: map[model.ReadError]uint64{}, told: map[string]bool{}}
}

// unreadable counts a file or directory.
func (t *troubles) unreadable(path string, err error) {
	key := model.ReadError{Aspect: model.AspectTemp, Reason: hostfs.ReasonOf(err)}
	t.counts[key]++
	if t.counts[key] == 1 {
		level.Warn(t.logger).Log("msg", "cannot read, further cases are only counted", "path", text.Escape(path),
			"reason", string(key.Reason), "err", err)
	}
}

// truncated notes that a watched directory was not seen in full.
func (t *troubles) truncated(directory string) {
	if !t.told[directory] {
		t.told[directory] = true
		level.Info(t.logger).Log("msg", "too deep or too large to be seen in full", "directory", text.Escape(directory))
	}
}

// unwatched notes that there are more directories than inotify watches.
func (t *troubles) unwatched(more int) {
	if more > 0 && !t.many {
		t.many = true
		level.Info(t.logger).Log("msg", "in some directories changes are only seen at full scans", "watched", maxWatched, "more", more)
	}
}

// manyContainers notes that not all containers are looked into.
func (t *troubles) manyContainers(more int) {
	if !t.crowd {
		t.crowd = true
		level.Warn(t.logger).Log("msg", "there are more mount namespaces than are looked into", "most", maxContainers, "more", more)
	}
}

// copy returns the counts for a snapshot.
func (t *troubles) copy() map[model.ReadError]uint64 { return maps.Clone(t.counts) }

// hasVanished tells whether a name has gone, or has become something else, since it
// was listed. That is the daily life of a temporary directory.
func hasVanished(err error) bool {
	return hostfs.Vanished(err) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
