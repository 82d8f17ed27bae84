package flinklog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// historyLimit is how much of a log is read when it is first seen, from its end,
	// in bytes.
	historyLimit = 8 << 20
	// drainLimit is how much is read at a time: a log may be written faster than it
	// is worth reading. What is beyond is read next time.
	drainLimit = 8 << 20
	headLimit  = 256 << 10 // of a long log: where uploads are kept is said when the JVM starts
	minLines   = 50        // that must be read before their form is judged
	lineLimit  = 16 << 10  // bytes of one line; the rest of a longer one is passed over
	markSize   = 256       // bytes before the offset that must still be there, times included
	maxRecent  = 8         // entries of each event that are kept, the newest
)

var errForm = errors.New("its lines do not begin with a time as in Flink's own log4j.properties, so nothing can be read of them")

// opened is a log that was just opened.
type opened struct {
	file *os.File
	id   model.FileID
}

func identify(file *os.File) (model.FileID, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return model.FileID{}, fmt.Errorf("stat the log: %w", err)
	}
	return model.FileID{Dev: stat.Dev, Inode: stat.Ino}, nil
}

// follower is one log that is read from where it was left.
type follower struct {
	file   *os.File // nil before it could be opened
	id     model.FileID
	offset int64
	mark   []byte    // what stands before offset: a log that was emptied and has grown again holds something else
	skip   bool      // the line at offset began before it and is passed over
	seen   bool      // it was read once: all that comes is new
	last   time.Time // when it was read last
	zone   time.Duration
	recent map[model.FlinkEvent][]model.FlinkEntry

	directory string          // where uploads are kept; "" if the log did not say it
	jars      map[string]bool // files in it
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
func (f *follower) succeed(file *os.File, id model.FileID) bool {
	if f.file != nil && f.id == id {
		file.Close()
		return false
	}
	f.close()
	f.file, f.id = file, id
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

// learnDirectory reads where uploads are kept. What is said first counts once the
// log was read: whoever reaches the REST port can have lines written.
func (f *follower) learnDirectory(line []byte) {
	if f.seen && f.directory != "" || !bytes.Contains(line, []byte(" for file uploads.")) {
		return
	}
	if directory, ok := uploadDirectory(bytes.TrimRight(line, "\r\n")); ok {
		f.directory = directory
	}
}

// check fails for a log that is written in a form of its own.
func (f *follower) check() error {
	if f.read >= minLines && f.dated == 0 {
		return errForm
	}
	return nil
}

// drain reads what was added, at most drainLimit.
func (f *follower) drain(now time.Time, note func(model.FlinkEntry)) error {
	if f.file == nil {
		return nil
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.file.Fd()), &stat); err != nil {
		return fmt.Errorf("stat the log: %w", err)
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
	f.lines(text, note)
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
func (f *follower) lines(text []byte, note func(model.FlinkEntry)) {
	used := 0
	for used < len(text) {
		rest := text[used:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 && len(rest) < lineLimit {
			break
		}
		if end < 0 { // too long to wait for
			f.take(rest[:lineLimit], note)
			f.skip = true
			used = len(text)
			break
		}
		f.take(rest[:min(end, lineLimit)], note)
		f.skip = false
		used += end + 1
	}
	f.offset += int64(used)
	if used > 0 {
		f.mark = bytes.Clone(text[max(0, used-markSize):used])
	}
}

func (f *follower) take(line []byte, note func(model.FlinkEntry)) {
	if f.skip {
		return
	}
	f.read++
	if _, _, ok := parseTime(line); ok {
		f.dated++
	}
	f.learnDirectory(line)
	if entry, ok := parse(line); ok {
		entry.Time = entry.Time.Add(f.zone)
		note(entry)
	}
}

// learnZone finds out by how much the log's clock is behind UTC: log4j writes the
// time of day in the JVM's zone, which a container sets as it likes. The last line
// was written when the file was changed last. Zones differ by quarters of an hour.
func (f *follower) learnZone(text []byte, modified, now time.Time) {
	if modified.After(now) {
		modified = now
	}
	const quarter = 15 * time.Minute
	for end := len(text); end > 0; {
		start := bytes.LastIndexByte(text[:end], '\n') + 1
		if at, _, ok := parseTime(text[start:end]); ok {
			zone := modified.Sub(at).Round(quarter)
			if zone >= -14*time.Hour && zone <= 14*time.Hour && modified.Sub(at.Add(zone)).Abs() < 5*time.Minute {
				f.zone = zone
			}
			return
		}
		end = start - 1
	}
}

// keep remembers the newest entries of each event.
func (f *follower) keep(entry model.FlinkEntry) {
	if f.recent == nil {
		f.recent = map[model.FlinkEvent][]model.FlinkEntry{}
	}
	list := f.recent[entry.Event]
	f.recent[entry.Event] = append(list[max(0, len(list)+1-maxRecent):], entry)
}

// recentEntries returns a copy, the oldest first.
func (f *follower) recentEntries() []model.FlinkEntry {
	var all []model.FlinkEntry
	for _, event := range model.FlinkEvents() {
		all = append(all, f.recent[event]...)
	}
	sortByTime(all)
	return all
}
