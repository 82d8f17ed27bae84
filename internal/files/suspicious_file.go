package files

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
)

// candidate is a suspicious file that is remembered. Its path is put together only if it
// is published: there may be many of them.
type candidate struct {
	directory *directory
	name      string
	key       hostfs.ContentKey
	uid, mode uint32
	looked    time.Time // when it was last seen to be there
	at        int       // its place among those found

	program, script, running, minerName, knownMiner, hidden bool

	onlyRuns bool // it is no program by itself, and is remembered for as long as it runs

	content hostfs.Content
	unread  bool // its content cannot be read; it is tried again at the next look
	reason  model.FileReason
	rank    int // of reason, 0 is the strongest
}

func (c *candidate) id() model.FileID { return model.FileID{Dev: c.key.Dev, Inode: c.key.Inode} }

func (c *candidate) owner() owner {
	return owner{container: c.directory.watched.container, uid: c.uid}
}

// look finds out whether a name is that of a suspicious file, and remembers it or counts
// it in omitted. A file that has not changed since a time was found to be none then, unless
// it is remembered. since is zero if that is not known.
func (p *pass) look(at *directory, fd int, name string, since time.Time, omitted *tally) {
	s := p.sensor
	var stat unix.Stat_t
	if err := s.opener.stat(fd, name, &stat); err != nil {
		s.forgetFile(at, name)
		if !errors.Is(err, unix.EXDEV) && !hasVanished(err) {
			s.errors.unreadable(at.path()+"/"+name, err)
		}
		return
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		s.forgetFile(at, name)
		return
	}
	if name == environmentFile && !at.isEnvironment {
		at.isEnvironment, s.rearranged = true, true // what lies below may be no longer hidden
	}
	known, key := at.files[name], hostfs.ContentKeyOf(&stat)
	if known != nil && known.key == key && known.mode == stat.Mode&0o7777 && known.uid == stat.Uid {
		known.looked = time.Now()
		return
	}
	running := s.running[model.FileID{Dev: stat.Dev, Inode: stat.Ino}]
	if known == nil && !running && time.Unix(stat.Ctim.Unix()).Before(since) {
		return
	}
	c := p.classify(at, fd, name, &stat, running)
	s.forgetFile(at, name)
	if c == nil {
		return
	}
	s.changed = true
	if !s.found.add(c) {
		omitted[c.rank]++
		s.unremembered.offer(c)
	}
}

// classify returns a regular file if it is suspicious, or nil.
func (p *pass) classify(at *directory, fd int, name string, stat *unix.Stat_t, running bool) *candidate {
	s := p.sensor
	key, mode := hostfs.ContentKeyOf(stat), stat.Mode&0o7777
	kind := kindOther
	if stat.Size >= shortest {
		n, err := s.opener.head(fd, name, key, p.head)
		if err != nil && !hasVanished(err) {
			at.unread = true
			s.errors.unreadable(at.path()+"/"+name, err)
		}
		kind = classify(p.head[:n])
	}
	if kind == kindOther && !running {
		return nil
	}
	minerName := s.options.KnownMiner(name)
	program := kind.isProgram(name, mode) || kind == kindDynamic && minerName
	script := kind == kindScript && mode&0o111 != 0
	if !program && !script && !running {
		return nil
	}
	c := &candidate{
		directory: at, name: name, key: key, uid: stat.Uid, mode: mode, looked: time.Now(),
		program: program, script: kind == kindScript, running: running, minerName: minerName, knownMiner: minerName,
		onlyRuns: !program && !script,
	}
	c.setReason()
	return c
}

// setReason finds the strongest reason, under which the file counts.
func (c *candidate) setReason() {
	c.hidden = c.directory.hides(c.name, c.script)
	switch {
	case c.running:
		c.reason = model.FileRunning
	case c.knownMiner:
		c.reason = model.FileKnownMiner
	case c.hidden:
		c.reason = model.FileHidden
	case c.program:
		c.reason = model.FileELF
	default:
		c.reason = model.FileScript
	}
	c.rank = slices.Index(model.FileReasons(), c.reason)
}

// compare puts the strongest reasons first, then the newest files.
func (c *candidate) compare(other *candidate) int {
	return cmp.Or(cmp.Compare(c.rank, other.rank), other.modified().Compare(c.modified()), strings.Compare(c.name, other.name))
}

func (c *candidate) modified() time.Time { return time.Unix(c.key.Mtime.Unix()) }

// details returns the files that are published one by one.
func (s *Sensor) details() []model.File {
	all := slices.Clone(s.found.files)
	slices.SortFunc(all, (*candidate).compare)
	all = all[:min(len(all), maxFiles)]
	files := make([]model.File, 0, len(all))
	for _, c := range all {
		files = append(files, model.File{
			Path: path.Join(c.directory.path(), c.name), Directory: c.directory.watched.name, Reason: c.reason,
			Container: c.directory.watched.container, ContainerTitle: c.directory.watched.title, KnownMiner: c.knownMiner, Hidden: c.hidden, User: s.userOf(c),
			SHA256: c.content.SHA256, MinerContent: c.content.Facts.Mines(),
			Modified: c.modified(), SizeBytes: c.key.Size, Mode: c.mode, ID: c.id(),
		})
	}
	return files
}

// userOf names the owner of a file. A container's users are not in the host's
// passwd(5): they stay numbers.
func (s *Sensor) userOf(c *candidate) string {
	if c.directory.watched.container != "" {
		return passwd.Number(c.uid)
	}
	return s.options.UserName(c.uid)
}
