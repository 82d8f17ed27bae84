package procdir

import (
	"iter"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// mounts reads the mounts of a process.
func (r *Reader) mounts(pid string) (iter.Seq[hostfs.Mount], error) {
	return hostfs.Mounts(r.named(pid, "mountinfo"))
}

// holding returns the mount that an absolute path lies in: of several over each other
// the last.
func holding(mounts iter.Seq[hostfs.Mount], name string) (found hostfs.Mount) {
	for m := range mounts {
		if below(name, m.Point) && len(m.Point) >= len(found.Point) {
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
	switch m.Kind {
	case "tmpfs", "ramfs", "devtmpfs":
		return m.Kind, nil
	case "overlay":
		return upper(m.Super), nil
	}
	hosts, err := r.mounts("1")
	if err != nil {
		hosts, err = r.mounts("self")
	}
	if err != nil {
		return "", err
	}
	real := path.Join(m.Root, strings.TrimPrefix(exe.Path, m.Point))
	for host := range hosts {
		if host.Device == m.Device && below(real, host.Root) {
			return path.Join(host.Point, strings.TrimPrefix(real, host.Root)), nil
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
	kind := holding(mounts, name).Kind
	return kind == "fuse" || strings.HasPrefix(kind, "fuse."), nil
}
