package files

import (
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxFiles   = 1024 // published in detail
	maxWatched = 1024 // directories that inotify watches
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
	Directories func() []string            // absolute paths without Root; called at each scan; nil: DefaultDirectories
	KnownMiner  func(baseName string) bool // is it the name of a known miner?
	KnownHash   func(sha256 string) bool   // is it the content of one? 64 hex, as in model.File
	UserName    func(uid uint32) string
	Interval    time.Duration // between full scans, published with each
	Logger      log.Logger
	Limits      Limits
}

// Limits bound what one scan costs. Zero and less stand for the default.
type Limits struct {
	Entries   int           // names looked at below one watched directory; 100,000
	Depth     int           // levels of directories below a watched one; 8
	Time      time.Duration // spent on each watched directory, and on all hashing; 2 s
	HashBytes int64         // hashed in one scan; 256 MiB. The last file may exceed it by content.Limit.
}

func (l Limits) withDefaults() Limits {
	if l.Entries <= 0 {
		l.Entries = 100_000
	}
	if l.Depth <= 0 {
		l.Depth = 8
	}
	if l.Time <= 0 {
		l.Time = 2 * time.Second
	}
	if l.HashBytes <= 0 {
		l.HashBytes = 256 << 20
	}
	return l
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
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	o.Limits = o.Limits.withDefaults()
	return o
}
