package files

import (
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxFiles   = 1024 // published in detail
	maxWatched = 2048 // directories that inotify watches
)

// DefaultDirectories are where droppers put their files.
func DefaultDirectories() []string { return []string{"/tmp", "/var/tmp", "/dev/shm"} }

// Options are what the sensor needs. A function that is nil knows nothing.
type Options struct {
	Root string // --path.rootfs; "" is "/"
	Proc string // --path.procfs; "" is "/proc"
	// Processes is the last process sample, or nil: which files run, and which
	// mount namespaces there are, in which the same directories are looked at.
	Processes   func() *model.ProcessSnapshot
	Directories func() []string            // absolute paths without Root; called at each sample; nil: DefaultDirectories
	KnownMiner  func(baseName string) bool // is it the name of a known miner? Called by two goroutines
	KnownHash   func(sha256 string) bool   // is it the content of one? 64 hex, as in model.File
	UserName    func(uid uint32) string
	CPUTime     func() time.Duration // of the calling thread; nil: the time that passes
	Interval    time.Duration        // between two looks for what inotify does not tell
	Logger      log.Logger
	Limits      Limits
}

// Limits bound what the sensor costs. Zero and less stand for the default.
type Limits struct {
	Share       float64       // of a core, spent on looking; 0.0125. A third of that goes to reading contents besides
	Burst       time.Duration // the most CPU time that is saved up of either, and spent in one sample; 1 s
	Entries     int           // names looked at in one sample; 1,000,000
	Depth       int           // levels of directories below a watched one; 8
	Directories int           // remembered of each level; 4,096
	Relisted    int           // names of unchanged directories that are listed again in one look; 10,000
	HashBytes   int64         // read of contents in one sample; 256 MiB. The last file may exceed it by hostfs.HashLimit
	Quota       Quota
}

// Quota bounds how many suspicious files are remembered: whoever fills a directory
// pushes out no stronger reason, and nobody else's files. The rest is only counted.
type Quota struct {
	All       int // 1,536
	System    int // of root; 1,024
	User      int // of any other; 512
	Directory int // in one directory; 1,024
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Share, 0.0125)
	setDefault(&l.Burst, time.Second)
	setDefault(&l.Entries, 1_000_000)
	setDefault(&l.Depth, 8)
	setDefault(&l.Directories, 4096)
	setDefault(&l.Relisted, 10_000)
	setDefault(&l.HashBytes, 256<<20)
	setDefault(&l.Quota.All, 1536)
	setDefault(&l.Quota.System, 1024)
	setDefault(&l.Quota.User, 512)
	setDefault(&l.Quota.Directory, 1024)
	return l
}

func setDefault[T int | int64 | float64 | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

func (o Options) withDefaults() Options {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Processes == nil {
		o.Processes = func() *model.ProcessSnapshot { return nil }
	}
	if o.Directories == nil {
		o.Directories = DefaultDirectories
	}
	if o.KnownMiner == nil {
		o.KnownMiner = func(string) bool { return false }
	}
	if o.KnownHash == nil {
		o.KnownHash = func(string) bool { return false }
	}
	if o.UserName == nil {
		o.UserName = func(uint32) string { return "" }
	}
	if o.CPUTime == nil {
		began := time.Now()
		o.CPUTime = func() time.Duration { return time.Since(began) }
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	o.Limits = o.Limits.withDefaults()
	return o
}
