package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/content"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

// chunk is how many names are read of a directory at a time.
const chunk = 512

// walk looks through one watched directory, level by level, so that a deep or
// huge subtree does not keep it from the files at the top.
type walk struct {
	sensor    *Sensor
	directory string
	seen      map[host.FileID]bool // directories, over all walks: none is counted twice
	deadline  time.Time

	entries   int
	truncated bool
	share     host.Share
	found     []*candidate
	watchable []string
	root      int
}

// place is a directory to look at.
type place struct {
	name  string // relative to the watched directory, "." for itself
	depth int
}

func (w *walk) run() {
	root, err := unix.Open(w.sensor.local(w.directory), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return // there is nothing to see, which is no blindness
	}
	if err != nil {
		w.share.Total++
		w.sensor.failed(err)
		return
	}
	defer unix.Close(root)
	w.root = root
	queue := []place{{name: "."}}
	for len(queue) > 0 && !w.truncated {
		next := queue[0]
		queue = append(queue[1:], w.list(next)...)
	}
}

// list looks at one directory and returns those below it.
func (w *walk) list(at place) []place {
	fd, err := openBeneath(w.root, at.name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		if errors.Is(err, unix.EXDEV) || reasonOf(err) == host.ReasonVanished {
			return nil
		}
		w.share.Total++
		w.sensor.failed(err)
		return nil
	}
	directory := os.NewFile(uintptr(fd), at.name)
	defer directory.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		w.sensor.failed(err)
		return nil
	}
	id := host.FileID{Dev: stat.Dev, Inode: stat.Ino}
	if w.seen[id] {
		return nil
	}
	w.seen[id] = true
	w.share.Total++
	w.share.Readable++
	w.watchable = append(w.watchable, w.sensor.local(path.Join(w.directory, at.name)))

	var below []place
	for !w.truncated {
		entries, err := directory.ReadDir(chunk)
		for _, entry := range entries {
			if w.entries++; w.entries > maxEntries || time.Now().After(w.deadline) {
				w.truncated = true
				break
			}
			name := path.Join(at.name, entry.Name())
			// The type comes with the name: only what may be a regular file is
			// looked at, so no FIFO, device or mount point is ever touched.
			switch {
			case entry.Type().IsDir() && at.depth < maxDepth:
				below = append(below, place{name, at.depth + 1})
			case entry.Type().IsDir():
				w.truncated = true
			case entry.Type().IsRegular():
				w.look(name)
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				w.sensor.failed(err)
			}
			break
		}
	}
	return below
}

// look finds out whether a regular file is suspicious.
func (w *walk) look(name string) {
	fd, err := openBeneath(w.root, name, unix.O_PATH)
	if err != nil {
		if !errors.Is(err, unix.EXDEV) {
			w.sensor.failed(err)
		}
		return
	}
	var stat unix.Stat_t
	err = unix.Fstat(fd, &stat)
	unix.Close(fd)
	if err != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG || stat.Size < 4 {
		return // too short for a program or a script
	}
	key := content.KeyOf(&stat)
	kind, known := w.sensor.known.kind(key)
	if !known {
		kind = w.read(name, key)
	}
	mode := stat.Mode & 0o7777
	isProgram := kind.isProgram(path.Base(name), mode)
	if !isProgram && (kind != kindScript || mode&0o111 == 0) {
		return
	}
	options := &w.sensor.options
	c := &candidate{
		isELF: isProgram, key: key, path: w.sensor.local(path.Join(w.directory, name)),
		file: host.File{
			Path: path.Join(w.directory, name), Directory: w.directory, KnownMiner: options.KnownMiner(path.Base(name)),
			Hidden: isHidden(name), User: options.UserName(stat.Uid), Modified: time.Unix(stat.Mtim.Unix()),
			SizeBytes: stat.Size, Mode: mode, ID: host.FileID{Dev: stat.Dev, Inode: stat.Ino},
		},
	}
	if options.Running(c.file.ID) {
		c.file.Reason = host.FileRunning
	}
	w.found = append(w.found, c)
}

// read classifies a file by its first bytes.
func (w *walk) read(name string, key content.Key) kind {
	fd, err := openBeneath(w.root, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		w.sensor.failed(err)
		return kindOther
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	// It may have become something else since it was looked at.
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return kindOther
	}
	head := make([]byte, headBytes)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		w.sensor.failed(err)
		return kindOther
	}
	kind := classify(head[:n])
	w.sensor.known.remember(key, kind)
	return kind
}

// isHidden tells whether a part of a relative path begins with a dot or holds
// nothing but dots and spaces.
func isHidden(name string) bool {
	for _, element := range strings.Split(name, "/") {
		if strings.HasPrefix(element, ".") || strings.Trim(element, ". \t") == "" {
			return true
		}
	}
	return false
}
