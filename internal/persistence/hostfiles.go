package persistence

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

var (
	errPartial = fmt.Errorf("%w: only the first %d bytes of a file", hostfs.ErrLimit, maxFileBytes)
	errMany    = fmt.Errorf("%w: there are too many files", hostfs.ErrLimit)
)

// hostFiles looks at files of the host. Every method may be left behind by a guard,
// so none changes anything that others see.
type hostFiles struct{ *hostfs.Root }

func openHostFiles(root string) (hostFiles, error) {
	opened, err := hostfs.OpenRoot(root)
	if err != nil {
		return hostFiles{}, fmt.Errorf("is --path.rootfs right?: %w", err)
	}
	return hostFiles{opened}, nil
}

// statEntry is one file as a directory shows it.
type statEntry struct {
	path string
	key  hostfs.ContentKey
	link bool
	uid  uint32 // whose the name is: of a link its own
	err  error  // why it could not be looked at

	executable bool
	target     string // of a link, as an absolute path
}

// stat looks at what a name stands for, on a local file system. What is not of the
// kind (S_IFMT) is ErrKind. O_PATH opens no device, and mounts nothing.
func (h hostFiles) stat(name string, kind uint32) (unix.Stat_t, error) {
	var stat unix.Stat_t
	file, err := h.File(name, unix.O_PATH)
	if err != nil {
		return stat, err
	}
	defer file.Close()
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return stat, err
	}
	if stat.Mode&unix.S_IFMT != kind {
		return stat, hostfs.ErrKind
	}
	return stat, h.CheckLocal(file, stat.Dev)
}

// look looks at a regular file: no other can hold anything that starts a program.
func (h hostFiles) look(name string) statEntry {
	stat, err := h.stat(name, unix.S_IFREG)
	return statEntry{path: name, key: hostfs.ContentKeyOf(&stat), uid: stat.Uid, executable: stat.Mode&0o111 != 0, err: err}
}

// listing is what lies in a directory.
type listing struct {
	id          model.FileID
	files       []statEntry
	directories []string // names
	truncated   bool
}

// list looks at the files of a directory. Of too many it takes root's first, then one
// of each user in turn.
func (h hostFiles) list(name string) (listing, error) {
	file, err := h.Directory(name)
	if err != nil {
		return listing{}, err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return listing{}, err
	}
	l := listing{id: model.FileID{Dev: stat.Dev, Inode: stat.Ino}}
	names, err := file.Readdirnames(maxListed + 1)
	if len(names) > maxListed {
		names, l.truncated = names[:maxListed], true
	}
	if err != nil && len(names) == 0 && !isEnd(err) {
		return listing{}, err
	}
	slices.Sort(names)
	for _, base := range names {
		l.add(file, strings.TrimSuffix(name, "/")+"/"+base, base)
	}
	if len(l.files)+len(l.directories) > maxLocationFiles {
		l.choose()
	}
	for i := range l.files {
		if seen := &l.files[i]; seen.err == nil && seen.elsewhere(l.id) {
			at := h.look(seen.path)
			at.link, at.uid, at.target = seen.link, seen.uid, seen.target
			*seen = at
		}
	}
	return l, nil
}

// add adds one name of a directory to a listing.
func (l *listing) add(directory *os.File, name, base string) {
	var stat unix.Stat_t
	err := unix.Fstatat(int(directory.Fd()), base, &stat, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
	if err != nil {
		l.files = append(l.files, statEntry{path: name, err: err})
		return
	}
	switch kind := stat.Mode & unix.S_IFMT; kind {
	case unix.S_IFDIR:
		l.directories = append(l.directories, base)
	case unix.S_IFREG:
		l.files = append(l.files, statEntry{path: name, key: hostfs.ContentKeyOf(&stat), uid: stat.Uid, executable: stat.Mode&0o111 != 0})
	case unix.S_IFLNK:
		l.files = append(l.files, statEntry{
			path: name, key: hostfs.ContentKeyOf(&stat), uid: stat.Uid, link: true, target: targetOf(directory, name, base),
		})
	}
}

// targetOf is where a link leads by its text; "" if that cannot be read.
func targetOf(directory *os.File, name, base string) string {
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(directory.Fd()), base, text)
	if err != nil || n <= 0 {
		return ""
	}
	target := string(text[:n])
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(name), target)
	}
	return path.Clean(target)
}

// elsewhere holds for a name whose file may lie in another file system.
func (s *statEntry) elsewhere(directory model.FileID) bool {
	return s.link || s.key.Dev != directory.Dev
}

// choose leaves out what is too much.
func (l *listing) choose() {
	l.truncated = true
	l.directories = l.directories[:min(len(l.directories), maxLocationFiles)]
	turns, of := make(map[string]int, len(l.files)), map[uint32]int{}
	for i := range l.files {
		seen := &l.files[i]
		if seen.uid != 0 {
			of[seen.uid]++
		}
		turns[seen.path] = of[seen.uid]
	}
	slices.SortStableFunc(l.files, func(a, b statEntry) int { return cmp.Compare(turns[a.path], turns[b.path]) })
	l.files = l.files[:min(len(l.files), maxLocationFiles)]
}

// read returns the first bytes of a regular file, if it is still the one that was
// looked at.
func (h hostFiles) read(seen statEntry) (string, error) {
	file, err := h.Regular(seen.path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return "", err
	}
	if hostfs.ContentKeyOf(&stat) != seen.key {
		return "", unix.ESTALE
	}
	text := make([]byte, min(stat.Size, maxFileBytes))
	filled, err := io.ReadFull(file, text)
	if err != nil && !isEnd(err) {
		return "", fmt.Errorf("read: %w", err)
	}
	return string(text[:filled]), nil
}
