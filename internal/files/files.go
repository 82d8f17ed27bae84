// Package files is the sensor of the directories that everybody may write to:
// programs that lie there, hidden ones, and those of known miners.
package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/content"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

const (
	maxEntries = 100_000         // looked at in one directory tree
	maxDepth   = 8               // directories below a watched one
	maxTime    = 5 * time.Second // spent in one directory tree
	maxFiles   = 1024            // published in detail
	maxWatched = 1024            // directories that inotify watches
)

// DefaultDirectories are where droppers put their files.
func DefaultDirectories() []string { return []string{"/tmp", "/var/tmp", "/dev/shm"} }

// Options are what the sensor needs.
type Options struct {
	Root        string                      // --path.rootfs
	Directories func() []string             // absolute paths; asked at each scan
	KnownMiner  func(baseName string) bool  // by name
	KnownHash   func(sha256 string) bool    // by content
	Running     func(file host.FileID) bool // does a process run this file now?
	UserName    func(uid uint32) string
	Logger      log.Logger
}

// Sensor scans directories. Sample is called by one goroutine, Watch by another.
type Sensor struct {
	options Options
	known   *contents
	errors  map[host.ReadError]uint64

	published atomic.Pointer[host.FileSnapshot]
	watchable atomic.Pointer[[]string] // directories of the last scan, as the exporter reaches them
	watching  atomic.Bool
}

// New returns a sensor.
func New(o Options) *Sensor {
	return &Sensor{options: o, known: newContents(), errors: map[host.ReadError]uint64{}}
}

// Snapshot returns the last scan, or nil before the first.
func (s *Sensor) Snapshot() *host.FileSnapshot { return s.published.Load() }

// Sample scans every directory once. Other file systems that are mounted below
// one are not entered: they may hang (FUSE), and are named by a directory of
// their own if they are to be watched. It never fails as a whole; what cannot
// be read is counted.
func (s *Sensor) Sample(now time.Time) error {
	began := time.Now()
	snapshot := &host.FileSnapshot{
		Directories: s.options.Directories(),
		Counts:      map[host.FileCount]int{},
		Truncated:   map[string]bool{},
		Watching:    s.watching.Load(),
	}
	share := host.Share{}
	seen := map[host.FileID]bool{}
	var found []*candidate
	var watchable []string
	for _, directory := range snapshot.Directories {
		for _, reason := range host.FileReasons() {
			snapshot.Counts[host.FileCount{Directory: directory, Reason: reason}] = 0
		}
		w := &walk{sensor: s, directory: directory, seen: seen, deadline: time.Now().Add(maxTime)}
		w.run()
		found = append(found, w.found...)
		watchable = append(watchable, w.watchable...)
		snapshot.Truncated[directory] = w.truncated
		share.Total += w.share.Total
		share.Readable += w.share.Readable
	}
	s.known.hash(found, s.options.KnownHash, s.failed)
	for _, c := range found {
		c.file.Reason = reasonFor(&c.file, c.isELF)
		snapshot.Counts[host.FileCount{Directory: c.file.Directory, Reason: c.file.Reason}]++
	}
	snapshot.Files = strongest(found)
	s.known.prune()
	watchable = watchable[:min(len(watchable), maxWatched)]
	s.watchable.Store(&watchable)
	snapshot.Meta = host.Meta{
		Time: now, Duration: time.Since(began), Visibility: map[host.Aspect]host.Share{host.AspectTemp: share},
		ReadErrors: make(map[host.ReadError]uint64, len(s.errors)),
	}
	for key, count := range s.errors {
		snapshot.ReadErrors[key] = count
	}
	s.published.Store(snapshot)
	level.Debug(s.options.Logger).Log("msg", "scanned files", "suspicious", len(found), "duration", snapshot.Duration)
	return nil
}

// failed counts a read that failed. What vanished in between is no failure.
func (s *Sensor) failed(err error) {
	if reason := reasonOf(err); reason != host.ReasonVanished {
		s.errors[host.ReadError{Aspect: host.AspectTemp, Reason: reason}]++
	}
}

func reasonOf(err error) host.Reason {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return host.ReasonPermission
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return host.ReasonVanished
	default:
		return host.ReasonOther
	}
}

// candidate is a suspicious file on its way to the snapshot.
type candidate struct {
	file  host.File
	isELF bool
	key   content.Key
	path  string // as the exporter reaches it
}

// reasonFor returns the strongest reason of a file that is a program or a script.
func reasonFor(file *host.File, isELF bool) host.FileReason {
	switch {
	case file.Reason == host.FileRunning:
		return host.FileRunning
	case file.KnownMiner:
		return host.FileKnownMiner
	case file.Hidden:
		return host.FileHidden
	case isELF:
		return host.FileELF
	default:
		return host.FileScript
	}
}

// strongest returns the files that are published in detail.
func strongest(found []*candidate) []host.File {
	rank := map[host.FileReason]int{}
	for i, reason := range host.FileReasons() {
		rank[reason] = i
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := &found[i].file, &found[j].file
		if rank[a.Reason] != rank[b.Reason] {
			return rank[a.Reason] < rank[b.Reason]
		}
		if !a.Modified.Equal(b.Modified) {
			return a.Modified.After(b.Modified)
		}
		return a.Path < b.Path
	})
	files := make([]host.File, 0, min(len(found), maxFiles))
	for _, c := range found[:min(len(found), maxFiles)] {
		files = append(files, c.file)
	}
	return files
}

// local is where the exporter reaches a path of the host.
func (s *Sensor) local(path string) string { return filepath.Join(s.options.Root, path) }

// openBeneath opens a path below a directory without following links and
// without leaving its file system (openat2(2), Linux 5.6).
func openBeneath(directory int, name string, flags int) (int, error) {
	fd, err := unix.Openat2(directory, name, &unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC | unix.O_NOFOLLOW),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	})
	if errors.Is(err, unix.ENOSYS) {
		fd, err = unix.Openat(directory, name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	}
	if err != nil {
		return -1, fmt.Errorf("open %q: %w", name, err)
	}
	return fd, nil
}
