package files

import (
	"math/rand/v2"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

// maxSampled is how many of the suspicious files that are not remembered are kept for a
// look at their content.
const maxSampled = 256

// sampling keeps a random choice of files that are not remembered: whoever leaves too
// many does not know which of them are read.
type sampling struct {
	files   []*candidate
	offered int // since the last of them was read
}

func (s *sampling) offer(c *candidate) {
	s.offered++
	if len(s.files) < maxSampled {
		s.files = append(s.files, c)
	} else if at := rand.IntN(s.offered); at < maxSampled {
		s.files[at] = c
	}
}

func (s *sampling) take() *candidate {
	if len(s.files) == 0 {
		s.offered = 0
		return nil
	}
	c := s.files[len(s.files)-1]
	s.files = s.files[:len(s.files)-1]
	return c
}

// readContents reads contents within a budget of its own: first of files that are
// remembered, those with strong reasons before others, then of a choice of the rest. It
// returns whether more are to be read.
func (s *Sensor) readContents() (more bool) {
	var waiting []*candidate
	for _, c := range s.found.files {
		if c.content.SHA256 == "" && !c.unread {
			waiting = append(waiting, c)
		}
	}
	slices.SortFunc(waiting, (*candidate).compare)
	bytes := s.options.Limits.HashBytes
	read := func(c *candidate) bool {
		if bytes <= 0 || s.reading.spent() {
			return false
		}
		used := s.options.CPUTime()
		content, err := s.readContent(c)
		s.reading.spend(s.options.CPUTime() - used)
		bytes -= min(c.key.Size, hostfs.HashLimit)
		c.unread = err != nil
		if err == nil {
			c.content = content
		} else if !hasVanished(err) {
			s.errors.unreadable(c.directory.path()+"/"+c.name, err)
		}
		return true
	}
	for _, c := range waiting {
		if !read(c) {
			return true
		}
		s.changed = true
		s.judge(c)
	}
	for {
		if bytes <= 0 || s.reading.spent() {
			return len(s.unremembered.files) > 0
		}
		c := s.unremembered.take()
		if c == nil {
			return false
		}
		if before := c.rank; !c.directory.gone && c.directory.files[c.name] == nil && read(c) && s.mines(c) {
			c.knownMiner = true
			c.setReason()
			if s.found.add(c) {
				s.changed = true
				c.directory.omitted[before] = max(c.directory.omitted[before]-1, 0)
			}
		}
	}
}

// mines tells whether a file is a known miner, by name or content.
func (s *Sensor) mines(c *candidate) bool {
	sum := c.content.SHA256
	return c.minerName || c.content.Facts.Mines() || sum != "" && s.options.KnownHash(sum)
}

// judge finds the reason of a file anew.
func (s *Sensor) judge(c *candidate) {
	was := c.knownMiner
	if s.found.judge(c, s.mines(c), s.running[c.id()]) || was != c.knownMiner {
		s.changed = true
	}
}

// readContent reads the content of a file.
func (s *Sensor) readContent(c *candidate) (hostfs.Content, error) {
	if err := s.reach(c.directory.watched); err != nil {
		return hostfs.Content{}, err
	}
	directory, err := s.opener.open(c.directory)
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
// at; otherwise it has vanished.
func (o opener) file(directory int, name string, key hostfs.ContentKey) (*os.File, error) {
	fd, err := o.same(directory, name, key)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// same is file without what a file of package os costs. O_NONBLOCK keeps a lease of its
// owner from holding the open up (fcntl(2)).
func (o opener) same(directory int, name string, key hostfs.ContentKey) (int, error) {
	fd, err := o.beneath(directory, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return -1, err
	}
	var stat unix.Stat_t
	if err = unix.Fstat(fd, &stat); err == nil && hostfs.ContentKeyOf(&stat) != key {
		err = unix.ENOENT
	}
	if err != nil {
		hostfs.CloseFD(fd)
		return -1, err
	}
	return fd, nil
}

// head reads the first bytes of a file, as many as there are or as fit.
func (o opener) head(directory int, name string, key hostfs.ContentKey, head []byte) (n int, err error) {
	fd, err := o.same(directory, name, key)
	if err != nil {
		return 0, err
	}
	defer hostfs.CloseFD(fd)
	for n < len(head) && int64(n) < key.Size {
		more, err := hostfs.Retry(func() (int, error) { return unix.Pread(fd, head[n:], int64(n)) })
		if err != nil {
			return n, err
		}
		if more == 0 {
			break
		}
		n += more
	}
	return n, nil
}
