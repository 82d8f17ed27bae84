package processes

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

const (
	kernelThread  = 0x00200000   // PF_KTHREAD, include/linux/sched.h
	deletedSuffix = " (deleted)" // added by d_path() in the kernel's fs/d_path.c
)

// facts are what the kernel says of a process, read once for each program that it runs.
type facts struct {
	uid       uint32
	cgroup    string
	isolation model.Isolation
	mount     string // the mount namespace, if it is not the host's
	network   string // the network namespace, if it is not the host's
}

// executable is what /proc/PID/exe shows.
type executable struct {
	path     string
	deleted  bool
	replaced bool // deleted, and another file has taken its name
	file     model.FileID
	owner    model.FileOwner
	content  hostfs.ContentKey
}

// reader reads one /proc.
type reader struct {
	proc   string
	guard  *hostfs.Guard
	errors map[model.ReadError]uint64
}

func (r *reader) path(pid int, name string) string { return r.named(decimal(pid), name) }

func (r *reader) named(process, name string) string { return filepath.Join(r.proc, process, name) }

func decimal(pid int) string { return strconv.Itoa(pid) }

// failed counts a failed read. A process that has gone is no failure.
func (r *reader) failed(aspect model.Aspect, err error) {
	r.errors[model.ReadError{Aspect: aspect, Reason: hostfs.ReasonOf(err)}]++
}

// link reads /proc/PID/exe. It never touches the file itself, so it cannot
// hang. A process whose main thread has ended has no exe of its own, but its
// other threads do.
func (r *reader) link(pid int, state string) (string, error) {
	target, err := os.Readlink(r.path(pid, "exe"))
	if err == nil || state != "Z" || !hostfs.Vanished(err) {
		return target, err
	}
	threads, listErr := os.ReadDir(r.path(pid, "task"))
	if listErr != nil {
		return "", err
	}
	for _, thread := range threads {
		if target, err := os.Readlink(r.path(pid, "task/"+thread.Name()+"/exe")); err == nil {
			return target, nil
		}
	}
	return "", err
}

// executable looks at the file behind a link. It may hang.
func (r *reader) executable(pid int, target string) (executableFile, error) {
	var got executableFile
	err := unix.Stat(r.path(pid, "exe"), &got.stat)
	if name, marked := strings.CutSuffix(target, deletedSuffix); marked {
		got.replaced = isReplaced(r.path(pid, "root"), name)
	}
	return got, err
}

// executableFile is the file behind a link, and whether another has its name.
type executableFile struct {
	stat      unix.Stat_t
	replaced  bool
	source    string // as model.Process.ExeSource
	fuse      bool   // as model.Process.ExeFUSE
	mountsErr error
}

// named says what the target of a link, and the file behind it, are. Of a file that
// could not be read the name alone is known.
func (got *executableFile) named(target string, err error) executable {
	name, marked := strings.CutSuffix(target, deletedSuffix)
	// A file may really be called "x (deleted)". Only one without links is gone.
	deleted := marked && (err != nil || got.stat.Nlink == 0)
	if !deleted {
		name = target
	}
	found := executable{path: name, deleted: deleted, replaced: deleted && got.replaced}
	if err == nil {
		found.file, found.owner, found.content = fileID(&got.stat), ownerOfFile(&got.stat), hostfs.ContentKeyOf(&got.stat)
	}
	return found
}

// ownerOfFile says who may change a file. A group that is called like its owner has
// no other member on most systems, so that its right to write counts for nothing.
func ownerOfFile(stat *unix.Stat_t) model.FileOwner {
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

func fileID(stat *unix.Stat_t) model.FileID { return model.FileID{Dev: stat.Dev, Inode: stat.Ino} }

// facts reads whose a process is and where it belongs.
func (r *reader) facts(proc procfs.Proc, hosts namespaces) (facts, error) {
	var out facts
	status, statusErr := proc.NewStatus()
	if statusErr == nil {
		out.uid = uint32(status.UIDs[1])
	}
	groups, cgroupErr := proc.Cgroups()
	if cgroupErr == nil {
		out.cgroup = containers.Path(groups)
	}
	out.isolation, out.mount = model.IsolationHost, r.otherMount(proc.PID, hosts)
	// A failure to read it is that of exe too, and counted there.
	out.network, _ = r.otherNetwork(proc.PID, hosts)
	if containers.ID(out.cgroup) != "" || (len(status.NSpids) > 1 && out.mount != "") {
		out.isolation = model.IsolationContainer
	}
	if cgroupErr != nil && !hostfs.Vanished(cgroupErr) {
		r.failed(model.AspectCgroup, cgroupErr)
	}
	return out, errors.Join(statusErr, cgroupErr)
}

// directory returns the working directory of a process, or "".
func (r *reader) directory(pid int) string {
	target, err := os.Readlink(r.path(pid, "cwd"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(target, deletedSuffix)
}

// surroundings answer what arguments leave open.
func (r *reader) surroundings(pid int) inspect.Surroundings {
	return inspect.Surroundings{
		Directory: func() string { return r.directory(pid) },
		Descriptor: func(number string) string {
			target, err := os.Readlink(r.path(pid, "fd/"+number))
			if err != nil {
				return ""
			}
			return target
		},
		Exists: func(name string) bool {
			found, err := hostfs.Within(r.guard, inspect.ReadTime, func() (bool, error) {
				return exists(filepath.Join(r.path(pid, "root"), name)), nil
			})
			return err == nil && found
		},
	}
}

// argv reads at most inspect.ArgumentsLimit bytes of /proc/PID/cmdline. The kernel reads
// them out of the process' own memory, so it is called under a deadline only.
func (r *reader) argv(pid int) ([]string, error) {
	content, err := hostfs.ReadStart(r.path(pid, "cmdline"), inspect.ArgumentsLimit)
	if err != nil || len(content) == 0 {
		return nil, err
	}
	return inspect.SplitArguments(content), nil
}
