package submissions

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
)

const (
	// historyLimit is how much of a log is read when it is first seen, from its end,
	// in bytes.
	historyLimit = 8 << 20
	// drainLimit is how much is read at a time: a log may be written faster than it
	// is worth reading. What is beyond is read next time.
	drainLimit = 8 << 20
	headLimit  = 256 << 10 // of a long log: where uploads are kept is said when the service starts
	minLines   = 50        // that must be read before a log counts as written in another form
	lineLimit  = 16 << 10  // bytes of one line; the rest of a longer one is left out
	markSize   = 256       // bytes before the offset that must still be there, times included
	maxRecent  = 8         // submissions of each event that are kept, the newest
)

var errForm = errors.New("its lines do not begin with a time in the form that the service is shipped with, so nothing can be read of them")

// follower is one log that is read from where it was left.
type follower struct {
	format Format
	file   *os.File // nil before it could be opened
	id     model.FileID
	offset int64
	mark   []byte    // what stands before offset: a log that was emptied and has grown again holds something else
	skip   bool      // the line at offset began before it and is left out
	seen   bool      // it was read once: all that comes is new
	last   time.Time // when it was read last
	zone   time.Duration
	recent map[model.SubmissionEvent][]model.Submission

	directory string          // where uploads are kept; "" if the log did not say it
	uploads   map[string]bool // files in it
	read      int             // lines that were read
	dated     int             // of these, how many begin with a time as they should
}

func (f *follower) close() {
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.id, f.offset, f.mark, f.skip = nil, model.FileID{}, 0, nil, false
}

// succeed goes over to a file, unless it is the one that is read already. It
// returns whether there is something new to read. Of a log that is seen for the
// first time only the end is read.
func (f *follower) succeed(log opened) bool {
	file := log.file
	if f.file != nil && f.id == log.id {
		file.Close()
		return false
	}
	f.close()
	f.file, f.id = file, log.id
	if end, err := file.Seek(0, io.SeekEnd); err == nil && !f.seen && end > historyLimit {
		head := make([]byte, headLimit)
		n, _ := file.ReadAt(head, 0)
		for line := range bytes.Lines(head[:n]) {
			f.learnDirectory(line)
		}
		f.offset, f.skip = end-historyLimit, true
	}
	return true
}

// learnDirectory reads where uploads are kept. Once the log was read, a directory
// that is known stays: whoever reaches the service can have lines written.
func (f *follower) learnDirectory(line []byte) {
	if f.seen && f.directory != "" {
		return
	}
	if directory, ok := f.format.UploadDirectory(bytes.TrimRight(line, "\r\n")); ok {
		f.directory = directory
	}
}

// checkForm fails for a log that is written in another form than the service's own.
func (f *follower) checkForm() error {
	if f.read >= minLines && f.dated == 0 {
		return errForm
	}
	return nil
}

// drain reads what was added, at most drainLimit.
func (f *follower) drain(now time.Time, record func(model.Submission)) error {
	if f.file == nil {
		return nil
	}
	stat, err := hostfs.Stat(f.file)
	if err != nil {
		return err
	}
	if stat.Size < f.offset || !f.marked() {
		f.offset, f.mark, f.skip = 0, nil, false // truncated
	}
	text := make([]byte, min(stat.Size-f.offset, drainLimit))
	n, err := f.file.ReadAt(text, f.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the log: %w", err)
	}
	text = text[:n]
	f.learnZone(text, time.Unix(stat.Mtim.Unix()), now)
	f.lines(text, record)
	return nil
}

// marked tells whether the bytes before the offset are still those that were read.
func (f *follower) marked() bool {
	if len(f.mark) == 0 {
		return true
	}
	there := make([]byte, len(f.mark))
	n, err := f.file.ReadAt(there, f.offset-int64(len(f.mark)))
	return err == nil && bytes.Equal(there[:n], f.mark)
}

// lines takes every whole line and leaves a last one that is not finished to the
// next time.
func (f *follower) lines(text []byte, record func(model.Submission)) {
	used := 0
	for used < len(text) {
		rest := text[used:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 && len(rest) < lineLimit {
			break
		}
		if end < 0 { // too long to wait for
			f.take(rest[:lineLimit], record)
			f.skip = true
			used = len(text)
			break
		}
		f.take(rest[:min(end, lineLimit)], record)
		f.skip = false
		used += end + 1
	}
	f.offset += int64(used)
	if used > 0 {
		f.mark = bytes.Clone(text[max(0, used-markSize):used])
	}
}

func (f *follower) take(line []byte, record func(model.Submission)) {
	if f.skip {
		return
	}
	f.read++
	if _, ok := f.format.Time(line); ok {
		f.dated++
	}
	f.learnDirectory(line)
	if submission, ok := f.format.Parse(line); ok {
		submission.Time = submission.Time.Add(f.zone)
		record(submission)
	}
}

// learnZone finds out by how much the log's clock is behind UTC: a service writes the
// time of day in its own zone, which a container sets as it likes. The last line was
// written when the file was changed last. Zones differ by quarters of an hour.
func (f *follower) learnZone(text []byte, modified, now time.Time) {
	if modified.After(now) {
		modified = now
	}
	const quarter = 15 * time.Minute
	for end := len(text); end > 0; {
		start := bytes.LastIndexByte(text[:end], '\n') + 1
		if at, ok := f.format.Time(text[start:end]); ok {
			zone := modified.Sub(at).Round(quarter)
			if zone >= -14*time.Hour && zone <= 14*time.Hour && modified.Sub(at.Add(zone)).Abs() < 5*time.Minute {
				f.zone = zone
			}
			return
		}
		end = start - 1
	}
}

// keep remembers the newest submissions of each event.
func (f *follower) keep(s model.Submission) {
	if f.recent == nil {
		f.recent = map[model.SubmissionEvent][]model.Submission{}
	}
	s.Text = secrets.Line(strings.Clone(s.Text[:min(len(s.Text), textLimit)]))
	list := f.recent[s.Event]
	f.recent[s.Event] = append(list[max(0, len(list)+1-maxRecent):], s)
}

// recentSubmissions returns a copy, the oldest first.
func (f *follower) recentSubmissions() []model.Submission {
	var all []model.Submission
	for _, event := range model.SubmissionEvents() {
		all = append(all, f.recent[event]...)
	}
	slices.SortStableFunc(all, func(a, b model.Submission) int { return a.Time.Compare(b.Time) })
	return all
}
