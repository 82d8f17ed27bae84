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

// readErrors counts what could not be read, and logs each kind of it once.
type readErrors struct {
	logger           log.Logger
	counts           map[model.ReadError]uint64
	loggedTruncated  map[string]bool // directories
	loggedUnwatched  bool
	loggedContainers bool
	loggedMounted    bool
}

func newReadErrors(logger log.Logger) *readErrors {
	return &readErrors{logger: logger, counts: map[model.ReadError]uint64{}, loggedTruncated: map[string]bool{}}
}

// unreadable counts a file or directory.
func (e *readErrors) unreadable(path string, err error) {
	key := model.ReadError{Aspect: model.AspectTemp, Reason: hostfs.ReasonOf(err)}
	e.counts[key]++
	if e.counts[key] == 1 {
		level.Warn(e.logger).Log("msg", "cannot read, further cases are only counted", "path", text.Escape(path),
			"reason", string(key.Reason), "err", err)
	}
}

// truncated logs that a watched directory was not seen in full.
func (e *readErrors) truncated(directory string) {
	if !e.loggedTruncated[directory] {
		e.loggedTruncated[directory] = true
		level.Info(e.logger).Log("msg", "too deep or too large to be seen in full", "directory", text.Escape(directory))
	}
}

// mounted logs that something is mounted below a watched directory. Who may mount (any user, a
// FUSE file system of his own) could have whoever looks into it wait for ever, so nobody does.
func (e *readErrors) mounted(path string) {
	if !e.loggedMounted {
		e.loggedMounted = true
		level.Warn(e.logger).Log("msg", "another file system is mounted here and is not looked into; what runs from it is seen. Further ones are not logged", "path", text.Escape(path))
	}
}

// unwatched logs that there are more directories than inotify watches.
func (e *readErrors) unwatched() {
	if !e.loggedUnwatched {
		e.loggedUnwatched = true
		level.Info(e.logger).Log("msg", "in some directories changes are only seen at the next look", "watched", maxWatched)
	}
}

// manyContainers logs that not all containers are looked into.
func (e *readErrors) manyContainers(more int) {
	if !e.loggedContainers {
		e.loggedContainers = true
		level.Warn(e.logger).Log("msg", "there are more mount namespaces than are looked into", "most", maxContainers, "more", more)
	}
}

// snapshot returns a copy of the counts.
func (e *readErrors) snapshot() map[model.ReadError]uint64 { return maps.Clone(e.counts) }

// hasVanished tells whether a name has gone, or has become something else, since it
// was listed. That is the daily life of a temporary directory.
func hasVanished(err error) bool {
	return hostfs.Vanished(err) || errors.Is(err, hostfs.ErrKind) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
