// Package submissions follows the logs in which services write down what was
// submitted to them: a job, a jar. What the lines of a service look like is known by
// its Format; finding the file, its rotation and its clock are the same for all.
package submissions

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxLogs  = 16 // followed at a time
	maxStuck = 4  // reads that did not come back: a path may lead through a FUSE file system
	openTime = 500 * time.Millisecond
	// clockSlack is how far the time of a new line may lie outside the time between
	// two reads.
	clockSlack     = time.Minute
	maxStatusBytes = 4096 // the user stands in the first lines

	textLimit = 256 // bytes of a line, or of the name of an upload, that are kept
)

// Format is how one service writes its log.
type Format interface {
	// Time reads the time at the beginning of a line, as if its zone were UTC.
	Time(line []byte) (at time.Time, ok bool)
	// Parse returns what a line stands for, its time as in Time and without peers; ok
	// is false for a line that is of no interest.
	Parse(line []byte) (submission model.Submission, ok bool)
	// UploadDirectory reads, out of a line that says so, where uploads are kept.
	UploadDirectory(line []byte) (directory string, ok bool)
	// UploadName returns what the client called an upload, by its name in that
	// directory; ok is false for any other file.
	UploadName(file string) (name string, ok bool)
}

// Target is one log to follow.
type Target struct {
	App   string         // of the catalogue; it chooses the Format
	Owner model.Identity // the process that writes; its root directory is where Path is looked up
	Path  string         // absolute
}

var errNoUser = errors.New("the kernel does not say whose the process is")

// Reader follows logs. It is used by one goroutine.
type Reader struct {
	proc    string
	formats map[string]Format // by app
	guard   *hostfs.Guard
	logs    map[Target]*follower
	events  map[model.SubmissionEvent]uint64
	errors  map[model.ReadError]uint64
	share   model.Share
}

// New returns a reader of logs that lie below PID/root of a procfs. formats are the
// forms that it understands, by app.
func New(proc string, formats map[string]Format) *Reader {
	events := map[model.SubmissionEvent]uint64{}
	for _, event := range model.SubmissionEvents() {
		events[event] = 0
	}
	return &Reader{
		proc: proc, formats: formats, guard: hostfs.NewGuard(maxStuck), logs: map[Target]*follower{},
		events: events, errors: map[model.ReadError]uint64{},
	}
}

// Events counts what was written since the logs were first seen.
func (r *Reader) Events() map[model.SubmissionEvent]uint64 { return maps.Clone(r.events) }

// Errors counts the reads that failed.
func (r *Reader) Errors() map[model.ReadError]uint64 { return maps.Clone(r.errors) }

// Share is how many of the logs could be read by the last Read. A log that does not
// exist does not count: in a container, services often write to their standard output
// only.
func (r *Reader) Share() model.Share { return r.share }

// Read reads what was added to each log since the last call. What a log held when it
// is first seen is reported and not counted. peers, by owner, are connected to the
// service about now: they are recorded with its new submissions. Targets whose app has
// no Format, and those beyond the first 16, are left out.
func (r *Reader) Read(now time.Time, targets []Target, peers map[model.Identity][]netip.Addr) []model.SubmissionLog {
	r.share = model.Share{}
	followed := map[Target]*follower{}
	var logs []model.SubmissionLog
	for _, target := range targets[:min(len(targets), maxLogs)] {
		format := r.formats[target.App]
		if format == nil {
			continue
		}
		f := r.logs[target]
		if f == nil {
			f = &follower{format: format}
		}
		followed[target] = f
		err := r.read(now, target, f, peers[target.Owner])
		log := model.SubmissionLog{App: target.App, Owner: target.Owner, Path: target.Path, Recent: f.recentSubmissions()}
		if err != nil {
			log.Failure = explain(err)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			r.share.Total++
		}
		if err == nil {
			r.share.Readable++
		}
		logs = append(logs, log)
	}
	for target, f := range r.logs {
		if followed[target] == nil {
			f.close()
		}
	}
	r.logs = followed
	return logs
}

// read goes on with one log and counts a failure.
func (r *Reader) read(now time.Time, target Target, f *follower, peers []netip.Addr) error {
	isNew := f.seen // of what is read now
	record := func(s model.Submission) {
		if isNew {
			r.events[s.Event]++
			s.Peers = peers
			if s.Time.Before(f.last.Add(-clockSlack)) || s.Time.After(now.Add(clockSlack)) {
				s.Time = now // the line's own time is not to be trusted
			}
		}
		f.keep(s)
	}
	err := r.update(now, target, f, record)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.errors[model.ReadError{Aspect: model.AspectSubmissionLog, Reason: hostfs.ReasonOf(err)}]++
	}
	return err
}

// update records what is new. A file that was renamed (rotation) is read to its end
// before its successor.
func (r *Reader) update(now time.Time, target Target, f *follower, record func(model.Submission)) error {
	if err := f.drain(now, record); err != nil {
		f.close()
		return err
	}
	log, err := hostfs.Within(r.guard, openTime, func() (opened, error) { return r.open(target) })
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			f.seen, f.last = true, now // what is written there from now on is new
		}
		return err
	}
	if f.succeed(log) {
		err = f.drain(now, record)
	}
	if err == nil {
		err = r.readUploads(target, f, record)
	}
	if err == nil {
		err = f.checkForm()
	}
	f.seen, f.last = true, now
	return err
}

// opened is a log that was just opened.
type opened struct {
	file *os.File
	id   model.FileID
}

func (r *Reader) open(target Target) (opened, error) {
	root, user, err := r.root(target)
	if err != nil {
		return opened{}, err
	}
	defer root.Close()
	file, err := root.RegularOf(user, target.Path)
	if err != nil {
		return opened{}, fmt.Errorf("open %s: %w", target.Path, err)
	}
	stat, err := hostfs.Stat(file)
	if err != nil {
		file.Close()
		return opened{}, err
	}
	return opened{file, model.FileID{Dev: stat.Dev, Inode: stat.Ino}}, nil
}

// root opens the root directory of a process, and says whose files it may name. It gave
// the path itself, and reads no file through the exporter that it could not have written.
func (r *Reader) root(target Target) (*hostfs.Root, uint32, error) {
	directory := filepath.Join(r.proc, strconv.Itoa(target.Owner.PID))
	root, err := hostfs.OpenRoot(filepath.Join(directory, "root"))
	if err != nil {
		return nil, 0, err
	}
	user, err := userOf(filepath.Join(directory, "status"))
	if err != nil {
		root.Close()
		return nil, 0, err
	}
	return root, user, nil
}

// userOf reads whose a process is: its real and effective user, which are the same but for
// a program that somebody else than its owner started (proc_pid_status(5)).
func userOf(status string) (uint32, error) {
	content, err := hostfs.ReadStart(status, maxStatusBytes)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "Uid:" {
			continue
		}
		user, err := strconv.ParseUint(fields[1], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("user of a process: %w", err)
		}
		if fields[2] != fields[1] {
			return 0, hostfs.ErrOwner
		}
		return uint32(user), nil
	}
	return 0, errNoUser
}

// explain says for people why a log is not read.
func explain(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist; does the service write to its standard output instead?"
	case errors.Is(err, fs.ErrPermission):
		return "permission is denied; run the exporter as root or give it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH."
	default:
		return err.Error() + "."
	}
}
