package files

import (
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

// known is what is remembered of a content.
type known struct {
	kind    kind
	content hostfs.Content // the zero value as long as it was not read
	scan    uint64         // the last that saw it
}

// contents remembers what files are, so that an unchanged directory costs no
// reads. It holds what the last scan saw, no more.
type contents struct {
	byKey map[hostfs.ContentKey]known
	scan  uint64
}

func newContents() *contents { return &contents{byKey: map[hostfs.ContentKey]known{}} }

func (c *contents) kind(key hostfs.ContentKey) (kind, bool) {
	entry, ok := c.byKey[key]
	if !ok {
		return kindOther, false
	}
	if entry.scan != c.scan {
		entry.scan = c.scan
		c.byKey[key] = entry
	}
	return entry.kind, true
}

func (c *contents) remember(key hostfs.ContentKey, k kind) {
	c.byKey[key] = known{kind: k, scan: c.scan}
}

func (c *contents) content(key hostfs.ContentKey) hostfs.Content { return c.byKey[key].content }

// rememberContent remembers the content of a file that was classified.
func (c *contents) rememberContent(key hostfs.ContentKey, content hostfs.Content) {
	if entry, ok := c.byKey[key]; ok {
		entry.content = content
		c.byKey[key] = entry
	}
}

// prune ends a scan: it forgets what that scan did not see.
func (c *contents) prune() {
	for key, entry := range c.byKey {
		if entry.scan != c.scan {
			delete(c.byKey, key)
		}
	}
	c.scan++
}

// readContents fills in the contents of files, those with strong reasons first, within
// the budgets of one scan. The rest is left to later scans.
func (s *Sensor) readContents(found []*candidate) {
	limits := s.options.Limits
	budget, deadline := limits.HashBytes, time.Now().Add(limits.Time)
	order := slices.Clone(found)
	slices.SortStableFunc(order, (*candidate).compare)
	for _, c := range order {
		c.content = s.known.content(c.key)
		if c.content.SHA256 == "" && budget > 0 && time.Now().Before(deadline) {
			budget -= min(c.key.Size, hostfs.HashLimit)
			content, err := s.readContent(c)
			if err != nil {
				if !hasVanished(err) {
					s.errors.unreadable(c.location.path()+"/"+c.name, err)
				}
				continue
			}
			c.content = content
			s.known.rememberContent(c.key, content)
		}
		sum := c.content.SHA256
		c.knownMiner = c.knownMiner || c.content.Facts.Mines() || sum != "" && s.options.KnownHash(sum)
		c.setReason()
	}
}

// readContent reads the content of a file.
func (s *Sensor) readContent(c *candidate) (hostfs.Content, error) {
	directory, err := s.opener.open(c.location)
	if err != nil {
		return hostfs.Content{}, err
	}
	defer hostfs.CloseFD(directory)
	file, err := s.opener.file(directory, c.name, c.key)
	if err != nil {
		return hostfs.Content{}, err
	}
	defer file.Close()
	return hostfs.ReadContent(file, c.key.Size, s.matcher)
}

// file opens a regular file for reading, if it is still the one that was looked
// at; otherwise it has vanished. O_NONBLOCK keeps a lease of its owner from
// holding the open up (fcntl(2)).
func (o opener) file(directory int, name string, key hostfs.ContentKey) (*os.File, error) {
	fd, err := o.beneath(directory, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	stat, err := hostfs.Stat(file)
	if err == nil && hostfs.ContentKeyOf(&stat) != key {
		err = unix.ENOENT
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// read fills head with the first bytes of a file.
func (o opener) read(directory int, name string, key hostfs.ContentKey, head []byte) (int, error) {
	file, err := o.file(directory, name, key)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	n, err := io.ReadFull(file, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // it is shorter
	}
	return n, err
}
