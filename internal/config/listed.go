package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

const (
	maxListFiles  = 16
	maxListed     = 100_000 // lines of all files of a kind
	maxRanges     = 1024    // each is asked about every connection that is looked at
	listSizeLimit = 8 << 20
	maxLine       = 1024
)

// list is a file of indicators, one a line, as it was when it was read.
type list struct {
	path     string
	isPools  bool // else of hashes
	modified time.Time
	identity identity
}

// identity is what changes when a file does, or another takes its place.
type identity struct {
	device, inode uint64
	size          int64
	changed       unix.Timespec
}

func identify(stat *unix.Stat_t) identity { return identity{stat.Dev, stat.Ino, stat.Size, stat.Ctim} }

// Lists tells how many indicators there are, those of the configuration itself too, and when the oldest file of
// each kind was changed; zero for none.
type Lists struct {
	Hashes, Pools                 int
	HashesModified, PoolsModified time.Time
}

// Lists counts the indicators.
func (c *Config) Lists() Lists {
	out := Lists{Hashes: c.Policy.KnownHashes(), Pools: len(c.Policy.Pools) + c.Policy.Listed.Pools()}
	for _, l := range c.lists {
		oldest := &out.HashesModified
		if l.isPools {
			oldest = &out.PoolsModified
		}
		if oldest.IsZero() || l.modified.Before(*oldest) {
			*oldest = l.modified
		}
	}
	return out
}

// WithNewLists returns the configuration with the files of indicators as they are now, or nil if none has changed.
func (c *Config) WithNewLists() (*Config, error) {
	changed := false
	for _, l := range c.lists {
		var stat unix.Stat_t
		if err := unix.Stat(l.path, &stat); err != nil {
			return nil, fmt.Errorf("%s: %w", l.path, err)
		}
		changed = changed || identify(&stat) != l.identity
	}
	if !changed {
		return nil, nil
	}
	next := *c
	var hashes, pools []string
	for _, l := range c.lists {
		if l.isPools {
			pools = append(pools, l.path)
		} else {
			hashes = append(hashes, l.path)
		}
	}
	return &next, next.readLists(hashes, pools)
}

// readLists reads the files: all of them, or none is taken.
func (c *Config) readLists(hashes, pools []string) error {
	if len(hashes) > maxListFiles || len(pools) > maxListFiles {
		return fmt.Errorf("known_miner_sha256_files, pool_address_files: at most %d files of each", maxListFiles)
	}
	var lists []list
	listed := policy.NewListed()
	for _, path := range hashes {
		l, err := readList(path, func(line string) error {
			switch {
			case !listed.AddHash(line):
				return errors.New("it is not 64 hex digits")
			case listed.Hashes() > maxListed:
				return fmt.Errorf("there are more than %d", maxListed)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("known_miner_sha256_files: %w", err)
		}
		lists = append(lists, l)
	}
	for _, path := range pools {
		l, err := readList(path, func(line string) error {
			pool, err := parsePool(line)
			if err != nil {
				return err
			}
			listed.AddPool(pool)
			switch {
			case listed.Pools() > maxListed:
				return fmt.Errorf("there are more than %d", maxListed)
			case listed.Ranges() > maxRanges:
				return fmt.Errorf("there are more than %d ranges", maxRanges)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("pool_address_files: %w", err)
		}
		l.isPools = true
		lists = append(lists, l)
	}
	c.lists, c.Policy.Listed = lists, nil
	if len(lists) > 0 {
		c.Policy.Listed = listed
	}
	return nil
}

// readList hands each line to add, but for comments (from # on) and empty ones.
func readList(path string, add func(line string) error) (list, error) {
	l := list{path: path}
	if !filepath.IsAbs(path) {
		return l, fmt.Errorf("%q is not an absolute path", path)
	}
	file, err := openRegular(path)
	if err != nil {
		return l, err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	if stat.Size > listSizeLimit {
		return l, fmt.Errorf("%s is larger than %d bytes", path, listSizeLimit)
	}
	l.identity, l.modified = identify(&stat), time.Unix(stat.Mtim.Unix())
	lines := bufio.NewScanner(io.LimitReader(file, listSizeLimit))
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	for number := 1; lines.Scan(); number++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := add(line); err != nil {
			return l, fmt.Errorf("%s, line %d: %w", path, number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// openRegular opens a file that has content. Whoever opens a FIFO would wait for a writer.
func openRegular(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if stat, err := file.Stat(); err != nil || !stat.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s: it is no file with content, but a directory, a FIFO or a device", name), err, file.Close())
	}
	return file, nil
}
