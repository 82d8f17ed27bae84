package persistence

import (
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
)

const (
	maxFileBytes     = 256 << 10 // read of one file
	maxListed        = 65536     // names read of one directory
	maxLocationFiles = 4096      // looked at in one directory: root's first, then some of each user
	maxHomeFiles     = 1024      // looked at in one home that is not root's
	maxFiles         = 16384     // looked at in one sample
	maxHomes         = 4096      // of users
	maxDropIns       = 1024      // directories of drop-ins in one directory of units

	maxSampleBytes = 32 << 20        // read in one sample; the rest waits for the next
	maxSampleTime  = 2 * time.Second // spent on reading and analyzing in one sample

	maxFileEntries   = 1024     // remembered of one file
	maxKeptBytes     = 64 << 20 // of the texts of all remembered entries
	maxUsersBytes    = 32 << 20 // of those in files that users write
	maxUserBytes     = 4 << 20  // of those in the files of one user
	maxPublished     = 4096     // entries of a snapshot
	maxPublishedUser = 512      // of the files of one user
	maxPublishedFile = 256      // of one file
	lookLimit        = time.Second
)

// Options are what the sensor needs.
type Options struct {
	Root       string                     // --path.rootfs; "" is "/"
	Users      *passwd.Users              // of the same root; nil reads them from there
	KnownMiner func(baseName string) bool // asked when a file is new or changed: is it the name of a known miner? nil knows none
	Interval   time.Duration              // between samples, published with each
	Keep       bool                       // publish a baseline
	Baseline   *model.PersistenceBaseline // of the last start; nil. It is taken over, and nobody else may change it
	Logger     log.Logger
}

func (o Options) withDefaults() Options {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Users == nil {
		o.Users = passwd.New(o.Root)
	}
	if o.KnownMiner == nil {
		o.KnownMiner = func(string) bool { return false }
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	return o
}
