package files

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
)

// candidate is a suspicious file on its way to the snapshot. Its path is put
// together only if it is published: there may be many of them.
type candidate struct {
	location  *location
	name      string
	key       hostfs.ContentKey
	uid, mode uint32

	program, running, knownMiner, hidden bool

	content hostfs.Content
	reason  model.FileReason
	rank    int // of reason, 0 is the strongest
}

// path of a directory as the host calls it.
func (p *location) path() string {
	return path.Join(p.watched.name, strings.Join(p.elements(), "/"))
}

// examine finds out whether a regular file is suspicious.
func (w *walk) examine(at *location, directory int, name string, stat *unix.Stat_t) {
	options := &w.sensor.options
	key, mode := hostfs.ContentKeyOf(stat), stat.Mode&0o7777
	running := w.sensor.running[model.FileID{Dev: stat.Dev, Inode: stat.Ino}]
	kind := kindOther
	if stat.Size >= shortest {
		kind = w.classify(at, directory, name, key)
	}
	if kind == kindOther && !running {
		return
	}
	knownMiner := options.KnownMiner(name)
	program := kind.isProgram(name, mode) || kind == kindDynamic && knownMiner
	script := kind == kindScript && mode&0o111 != 0
	if !program && !script && !running {
		return
	}
	c := &candidate{
		location: at, name: name, key: key, uid: stat.Uid, mode: mode, program: program, running: running,
		knownMiner: knownMiner, hidden: at.hides(name, kind == kindScript),
	}
	c.setReason()
	w.found = append(w.found, c)
}

// classify reads the head of a file, unless it is known already.
func (w *walk) classify(at *location, directory int, name string, key hostfs.ContentKey) kind {
	if kind, ok := w.sensor.known.kind(key); ok {
		return kind
	}
	head := make([]byte, headBytes)
	n, err := w.sensor.opener.read(directory, name, key, head)
	if err != nil {
		if !hasVanished(err) {
			w.sensor.errors.unreadable(at.path()+"/"+name, err)
		}
		return kindOther
	}
	kind := classify(head[:n])
	w.sensor.known.remember(key, kind)
	return kind
}

// setReason finds the strongest reason, under which the file counts.
func (c *candidate) setReason() {
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

// details returns the files that are published one by one. It sorts found.
func (s *Sensor) details(found []*candidate) []model.File {
	slices.SortStableFunc(found, (*candidate).compare)
	found = found[:min(len(found), maxFiles)]
	files := make([]model.File, 0, len(found))
	for _, c := range found {
		files = append(files, model.File{
			Path: path.Join(c.location.path(), c.name), Directory: c.location.watched.name, Reason: c.reason,
			Container: c.location.watched.container, KnownMiner: c.knownMiner, Hidden: c.hidden, User: s.userOf(c), SHA256: c.content.SHA256, MinerContent: c.content.Facts.Mines(),
			Modified: c.modified(), SizeBytes: c.key.Size, Mode: c.mode,
			ID: model.FileID{Dev: c.key.Dev, Inode: c.key.Inode},
		})
	}
	return files
}

// userOf names the owner of a file. A container's users are not in the host's
// passwd(5): they stay numbers.
func (s *Sensor) userOf(c *candidate) string {
	if c.location.watched.container != "" {
		return passwd.Number(c.uid)
	}
	return s.options.UserName(c.uid)
}
