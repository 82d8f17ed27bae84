// Package procdir reads the directory of one process in /proc: whose it is, which file it
// runs, what its mount namespace shows in place of that, and in which namespaces it is.
package procdir

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/containers"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
)

// deletedSuffix is added by d_path() in the kernel's fs/d_path.c.
const deletedSuffix = " (deleted)"

// Facts are what the kernel says of a process, read once for each program that it runs.
type Facts struct {
	UID       uint32
	Cgroup    string
	Isolation model.Isolation
	Mount     string // the mount namespace, if it is not the host's
	Network   string // the network namespace, if it is not the host's
}

// Executable is what /proc/PID/exe shows.
type Executable struct {
	Path     string
	Deleted  bool
	Replaced bool // deleted, and another file has taken its name
	File     model.FileID
	Owner    model.FileOwner
	Content  hostfs.ContentKey
}

// Reader reads one /proc.
type Reader struct {
	Proc   string // where procfs is mounted
	Guard  *hostfs.Guard
	Errors map[model.ReadError]uint64 // failures that were counted
}

// Path is that of a file in the directory of a process.
func (r *Reader) Path(pid int, name string) string { return r.named(decimal(pid), name) }

func (r *Reader) named(process, name string) string { return filepath.Join(r.Proc, process, name) }

func decimal(pid int) string { return strconv.Itoa(pid) }

// Failed counts a failed read. A process that has gone is no failure.
func (r *Reader) Failed(aspect model.Aspect, err error) {
	r.Errors[model.ReadError{Aspect: aspect, Reason: hostfs.ReasonOf(err)}]++
}

// Link reads /proc/PID/exe. It never touches the file itself, so it cannot
// hang. A process whose main thread has ended has no exe of its own, but its
// other threads do.
func (r *Reader) Link(pid int, firstThreadEnded bool) (string, error) {
	target, err := os.Readlink(r.Path(pid, "exe"))
	if err == nil || !firstThreadEnded || !hostfs.Vanished(err) {
		return target, err
	}
	threads, listErr := os.ReadDir(r.Path(pid, "task"))
	if listErr != nil {
		return "", err
	}
	for _, thread := range threads {
		if target, err := os.Readlink(r.Path(pid, "task/"+thread.Name()+"/exe")); err == nil {
			return target, nil
		}
	}
	return "", err
}

// Executable looks at the file behind a link. It may hang.
func (r *Reader) Executable(pid int, target string) (File, error) {
	var got File
	err := unix.Stat(r.Path(pid, "exe"), &got.stat)
	if name, marked := strings.CutSuffix(target, deletedSuffix); marked {
		got.Replaced = isReplaced(r.Path(pid, "root"), name)
	}
	return got, err
}

// File is the file behind a link, and whether another has its name.
type File struct {
	stat      unix.Stat_t
	Replaced  bool
	Source    string // as model.Process.ExeSource
	FUSE      bool   // as model.Process.ExeFUSE
	MountsErr error
}

// Named says what the target of a link, and the file behind it, are. Of a file that
// could not be read the name alone is known.
func (got *File) Named(target string, err error) Executable {
	name, marked := strings.CutSuffix(target, deletedSuffix)
	// A file may really be called "x (deleted)". Only one without links is gone.
	deleted := marked && (err != nil || got.stat.Nlink == 0)
	if !deleted {
		name = target
	}
	found := Executable{Path: name, Deleted: deleted, Replaced: deleted && got.Replaced}
	if err == nil {
		found.File, found.Owner, found.Content = FileID(&got.stat), OwnerOf(&got.stat), hostfs.ContentKeyOf(&got.stat)
	}
	return found
}

// OwnerOf says who may change a file. A group that is called like its owner has
// no other member on most systems, so that its right to write counts for nothing.
func OwnerOf(stat *unix.Stat_t) model.FileOwner {
	owner := model.FileOwner{UID: stat.Uid, Writers: model.WritersOwner, Changed: time.Unix(stat.Ctim.Unix())}
	groupWrites := stat.Mode&unix.S_IWGRP != 0 && stat.Gid != stat.Uid
	switch {
	case groupWrites || stat.Mode&unix.S_IWOTH != 0:
		owner.Writers = model.WritersOthers
	case stat.Uid == 0:
		owner.Writers = model.WritersRoot
	}
	return owner
}

// FileID is what identifies a file.
func FileID(stat *unix.Stat_t) model.FileID { return model.FileID{Dev: stat.Dev, Inode: stat.Ino} }

// Facts reads whose a process is and where it belongs.
func (r *Reader) Facts(proc procfs.Proc, hosts Namespaces) (Facts, error) {
	var out Facts
	status, statusErr := proc.NewStatus()
	if statusErr == nil {
		out.UID = uint32(status.UIDs[1])
	}
	groups, cgroupErr := proc.Cgroups()
	if cgroupErr == nil {
		out.Cgroup = containers.Path(groups)
	}
	out.Isolation, out.Mount = model.IsolationHost, r.otherMount(proc.PID, hosts)
	// A failure to read it is that of exe too, and counted there.
	out.Network, _ = r.OtherNetwork(proc.PID, hosts)
	if containers.ID(out.Cgroup) != "" || (len(status.NSpids) > 1 && out.Mount != "") {
		out.Isolation = model.IsolationContainer
	}
	if cgroupErr != nil && !hostfs.Vanished(cgroupErr) {
		r.Failed(model.AspectCgroup, cgroupErr)
	}
	return out, errors.Join(statusErr, cgroupErr)
}

// directory returns the working directory of a process, or "".
func (r *Reader) directory(pid int) string {
	target, err := os.Readlink(r.Path(pid, "cwd"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(target, deletedSuffix)
}

// Surroundings answer what arguments leave open.
func (r *Reader) Surroundings(pid int) inspect.Surroundings {
	return inspect.Surroundings{
		Directory: func() string { return r.directory(pid) },
		Descriptor: func(number string) string {
			target, err := os.Readlink(r.Path(pid, "fd/"+number))
			if err != nil {
				return ""
			}
			return target
		},
		Exists: func(name string) bool {
			found, err := hostfs.Within(r.Guard, inspect.ReadTime, func() (bool, error) {
				return exists(filepath.Join(r.Path(pid, "root"), name)), nil
			})
			return err == nil && found
		},
	}
}

// Argv reads at most inspect.ArgumentsLimit bytes of /proc/PID/cmdline. The kernel reads
// them out of the process' own memory, so it is called under a deadline only.
func (r *Reader) Argv(pid int) ([]string, error) {
	content, err := hostfs.ReadStart(r.Path(pid, "cmdline"), inspect.ArgumentsLimit)
	if err != nil || len(content) == 0 {
		return nil, err
	}
	return inspect.SplitArguments(content), nil
}
