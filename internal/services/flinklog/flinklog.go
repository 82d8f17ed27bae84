// Package flinklog follows the logs of Flink's processes, as log4j writes them: who
// submits a jar to the JobManager leaves a line there.
package flinklog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxLogs  = 16 // followed at a time
	openTime = 500 * time.Millisecond
	// clockSlack is how far the time of a new line may lie outside the time between
	// two reads.
	clockSlack = time.Minute
)

// Target is one log to follow.
type Target struct {
	Owner model.Identity // the JVM; its root directory is where Path is looked up
	Path  string         // absolute
}

// Reader follows logs. It is used by one goroutine.
type Reader struct {
	proc   string
	guard  *hostfs.Guard // of opening: a path may lead through a FUSE file system
	logs   map[Target]*follower
	events map[model.FlinkEvent]uint64
	errors map[model.ReadError]uint64
	share  model.Share
}

// New returns a reader of what lies below a procfs' PID/root.
func New(proc string) *Reader {
	events := map[model.FlinkEvent]uint64{}
	for _, event := range model.FlinkEvents() {
		events[event] = 0
	}
	return &Reader{proc: proc, guard: hostfs.NewGuard(4), logs: map[Target]*follower{}, events: events, errors: map[model.ReadError]uint64{}}
}

// Events counts what was written since the logs were first seen.
func (r *Reader) Events() map[model.FlinkEvent]uint64 { return maps.Clone(r.events) }

// Errors counts the reads that failed.
func (r *Reader) Errors() map[model.ReadError]uint64 { return maps.Clone(r.errors) }

// Share is how many of the logs could be read last. One that does not exist is
// none: in a container Flink often writes to its standard output only.
func (r *Reader) Share() model.Share { return r.share }

// Read reads what was added to each log since the last call. What a log held when
// it is first seen is told and not counted. callers were connected to Flink about
// now: they are noted with the submissions that are new.
func (r *Reader) Read(now time.Time, targets []Target, callers []netip.Addr) []model.FlinkLog {
	r.share = model.Share{}
	still := map[Target]*follower{}
	var logs []model.FlinkLog
	for _, target := range targets[:min(len(targets), maxLogs)] {
		followed := r.logs[target]
		if followed == nil {
			followed = &follower{}
		}
		still[target] = followed
		err := r.read(now, target, followed, callers)
		log := model.FlinkLog{Owner: target.Owner, Path: target.Path, Recent: followed.recentEntries()}
		if err != nil {
			log.Failure = explain(err)
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			r.share.Total++
		}
		if err == nil {
			r.share.Readable++
		}
		logs = append(logs, log)
	}
	for target, followed := range r.logs {
		if still[target] == nil {
			followed.close()
		}
	}
	r.logs = still
	return logs
}

// read goes on with one log. A file that was renamed (rotation) is read to its end
// before its successor.
func (r *Reader) read(now time.Time, target Target, followed *follower, callers []netip.Addr) error {
	isNew := followed.seen
	note := func(entry model.FlinkEntry) {
		if isNew {
			r.events[entry.Event]++
			entry.Peers = callers
			if entry.Time.Before(followed.last.Add(-clockSlack)) || entry.Time.After(now.Add(clockSlack)) {
				entry.Time = now // the line's own time is not to be trusted
			}
		}
		followed.keep(entry)
	}
	if err := followed.drain(now, note); err != nil {
		followed.close()
		return r.failed(err)
	}
	file, err := hostfs.Within(r.guard, openTime, func() (opened, error) { return r.open(target) })
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			followed.seen, followed.last = true, now // what is written there from now on is new
		}
		return r.failed(err)
	}
	if followed.succeed(file.file, file.id) {
		err = followed.drain(now, note)
	}
	if err == nil {
		err = r.readUploads(target, followed, note)
	}
	if err == nil {
		err = followed.check()
	}
	followed.seen, followed.last = true, now
	if err != nil {
		return r.failed(err)
	}
	return nil
}

func (r *Reader) failed(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		r.errors[model.ReadError{Aspect: model.AspectFlinkLog, Reason: hostfs.ReasonOf(err)}]++
	}
	return err
}

func (r *Reader) open(target Target) (opened, error) {
	root, err := hostfs.OpenRoot(filepath.Join(r.proc, strconv.Itoa(target.Owner.PID), "root"))
	if err != nil {
		return opened{}, err
	}
	defer root.Close()
	file, err := root.Regular(target.Path)
	if err != nil {
		return opened{}, fmt.Errorf("open %s: %w", target.Path, err)
	}
	id, err := identify(file)
	if err != nil {
		file.Close()
		return opened{}, err
	}
	return opened{file: file, id: id}, nil
}

// explain says for people why a log is not read.
func explain(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist; does Flink write to its standard output instead?"
	case errors.Is(err, fs.ErrPermission):
		return "permission is denied; run the exporter as root or give it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH."
	default:
		return err.Error() + "."
	}
}
