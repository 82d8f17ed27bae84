package procdir

import (
	"bytes"
	"iter"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// maxMountsBytes is how much is read of a list of mounts: 20,000 mounts.
const maxMountsBytes = 4 << 20

// mount is one line of mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	device string // MAJOR:MINOR of the file system
	root   string // the directory of the file system that is shown
	point  string // where it is shown
	kind   string // the type of the file system
	super  string // its options
}

// mounts reads the mounts of a process. A line that cannot be parsed is skipped, so
// that it does not hide the rest.
func (r *Reader) mounts(pid string) (iter.Seq[mount], error) {
	content, err := hostfs.ReadStart(r.named(pid, "mountinfo"), maxMountsBytes)
	if err != nil {
		return nil, err
	}
	return func(yield func(mount) bool) {
		for line := range bytes.Lines(content) {
			if m, ok := parseMount(string(line)); ok && !yield(m) {
				return
			}
		}
	}, nil
}

// parseMount reads `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [OPTIONAL]... - TYPE SOURCE OPTIONS`. One blank is between
// two fields and nothing else is: names hold any other space (a carriage return, those of Unicode), and a source may be
// empty.
func parseMount(line string) (mount, bool) {
	fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	if len(fields) < 5 {
		return mount{}, false
	}
	m := mount{device: fields[2], root: unescape(fields[3]), point: unescape(fields[4])}
	const optional = 6 // the first that may be there, before the dash
	if len(fields) < optional {
		return m, true
	}
	if i := slices.Index(fields[optional:], "-"); i >= 0 {
		behind := fields[optional+i+1:]
		if len(behind) > 0 {
			m.kind = unescape(behind[0])
		}
		if len(behind) > 2 {
			m.super = unescape(behind[2])
		}
	}
	return m, true
}

// unescape undoes how the kernel writes blanks in paths (mangle_path in fs/seq_file.c).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// holding returns the mount that an absolute path lies in: of several over each other
// the last.
func holding(mounts iter.Seq[mount], name string) (found mount) {
	for m := range mounts {
		if below(name, m.point) && len(m.point) >= len(found.point) {
			found = m
		}
	}
	return found
}

// below tells whether a path is a directory or lies in it.
func below(name, directory string) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(directory, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// source says what an executable is that only the mount namespace of its process has
// under its path: another file of the host, by its path there, or the type of a file
// system in memory. It is "" for a path that the host has too, and where nothing
// speaks for a disguise: containers and sandboxes have file systems of their own.
func (r *Reader) source(pid int, exe Executable, root string) (string, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path.Join(root, exe.Path), &stat); err == nil && FileID(&stat) == exe.File {
		return "", nil
	}
	own, err := r.mounts(decimal(pid))
	if err != nil {
		return "", err
	}
	m := holding(own, exe.Path)
	switch m.kind {
	case "tmpfs", "ramfs", "devtmpfs":
		return m.kind, nil
	case "overlay":
		return upper(m.super), nil
	}
	hosts, err := r.mounts("1")
	if err != nil {
		hosts, err = r.mounts("self")
	}
	if err != nil {
		return "", err
	}
	real := path.Join(m.root, strings.TrimPrefix(exe.Path, m.point))
	for host := range hosts {
		if host.device == m.device && below(real, host.root) {
			return path.Join(host.point, strings.TrimPrefix(real, host.root)), nil
		}
	}
	return "", nil
}

// upper is the directory that an overlay is written to, if it is one that everybody
// may write to (Documentation/filesystems/overlayfs.rst): those of containers lie with
// their runtime.
func upper(options string) string {
	for option := range strings.SplitSeq(options, ",") {
		if directory, ok := strings.CutPrefix(option, "upperdir="); ok && place.IsTemporary(directory) {
			return directory
		}
	}
	return ""
}

// ReadMounts looks at what the file of a program lies on. own: the process has a mount
// namespace of its own and is in no known container.
func (r *Reader) ReadMounts(pid int, got *File, exe Executable, own bool, root string) {
	origin, _ := place.Origin(exe.Path, exe.Deleted)
	switch {
	case own && !exe.Deleted && origin != model.OriginTemp:
		got.Source, got.MountsErr = r.source(pid, exe, root)
	case origin == model.OriginTemp:
		got.FUSE, got.MountsErr = r.onFUSE(pid, exe.Path)
	}
}

// onFUSE tells whether a file lies on a FUSE file system, as the programs of an
// AppImage do.
func (r *Reader) onFUSE(pid int, name string) (bool, error) {
	mounts, err := r.mounts(decimal(pid))
	if err != nil {
		return false, err
	}
	kind := holding(mounts, name).kind
	return kind == "fuse" || strings.HasPrefix(kind, "fuse."), nil
}
