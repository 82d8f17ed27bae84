package processes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// notInStat is what /proc/PID/stat does not say of a task.
	notInStat = ^taskiter.Field(0)
	// tasksPause is how long the kernel's list is left alone after it could not be read.
	tasksPause = time.Minute
	tickTime   = uint64(time.Second / userHz)
)

// tasks is the kernel's list of tasks as a source.
type tasks struct {
	active bool      // it was read in this sample
	failed bool      // that was said
	until  time.Time // when it is tried again
	since  time.Time // when it was read first, and has been ever since
}

// observe looks at every process: in the kernel's list, or else in /proc.
func (s *sample) observe() error {
	s.covered = s.reader.Covered()
	if s.readTasks() {
		s.meetUnknown()
		s.arrange()
		s.readListing()
		return nil
	}
	if err := s.readProc(); err != nil {
		return err
	}
	s.meetUnknown()
	s.seeHidden(s.covered)
	s.arrange()
	return nil
}

// readTasks reads the kernel's list, and reports whether it could. Where that fails in the middle, /proc tells the
// rest in the same sample.
func (s *sample) readTasks() bool {
	s.tasks.active = false
	if s.options.Tasks == nil || s.now.Before(s.tasks.until) {
		return false
	}
	s.tasks.active = true
	err := s.options.Tasks(func(t *taskiter.Task) {
		if t.ExitState&taskiter.ExitDead == 0 {
			s.see(t)
		}
	})
	if err == nil && s.seen+len(s.unknown) == 0 {
		err = errors.New("it is empty")
	}
	switch {
	case err == nil:
		s.tasks.failed = false
		if s.tasks.since.IsZero() {
			s.tasks.since = s.now
		}
		return true
	case !s.tasks.failed:
		s.tasks.failed = true
		level.Warn(s.options.Logger).Log("msg", "the kernel's list of tasks cannot be read; processes are read from /proc, and the list is tried again every minute", "err", err)
	}
	s.tasks.active, s.tasks.until, s.tasks.since = false, s.now.Add(tasksPause), time.Time{}
	return false
}

// readProc reads /proc/PID/stat of all processes.
func (s *sample) readProc() error {
	procs, err := s.fs.AllProcs()
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	if len(procs) == 0 {
		return errors.New("list processes: there are none; is --path.procfs the host's procfs?")
	}
	threads, first := 0, false
	defer func() {
		if !first {
			s.countUnlisted(threads)
		}
	}()
	for _, proc := range procs {
		first = first || proc.PID == 1
		if _, ok := s.covered[proc.PID]; ok {
			continue // what is shown there belongs to something else
		}
		stat, err := proc.Stat()
		if err != nil {
			if !hostfs.Vanished(err) {
				s.saw(model.AspectStat, false)
				s.reader.Failed(model.AspectStat, err)
			}
			continue
		}
		threads += stat.NumThreads
		task := taskOf(&stat)
		s.see(&task)
	}
	return nil
}

// countUnlisted counts what a /proc that does not even list process 1 keeps from us, as one that is mounted with hidepid
// does: proc_loadavg(5) says how many threads there are.
func (s *sample) countUnlisted(threads int) {
	content, err := hostfs.ReadStart(filepath.Join(s.options.Proc, "loadavg"), 256)
	if err != nil {
		return // then there is no telling
	}
	fields := strings.Fields(string(content))
	if len(fields) < 4 {
		return
	}
	_, all, _ := strings.Cut(fields[3], "/")
	total, err := strconv.Atoi(all)
	if err != nil || total <= threads {
		return
	}
	share := s.visibility[model.AspectStat]
	share.Total += total - threads
	s.visibility[model.AspectStat] = share
}

// taskOf says of a process what the kernel's list would, as far as proc_pid_stat(5) does.
func taskOf(stat *procfs.ProcStat) taskiter.Task {
	t := taskiter.Task{
		PID: int32(stat.PID), PPID: int32(stat.PPID), Flags: uint32(stat.Flags), Threads: int32(stat.NumThreads),
		StartTime: stat.Starttime * tickTime, RunTime: uint64(stat.UTime+stat.STime) * tickTime,
		ChildrenTime: uint64(max(0, stat.CUTime)+max(0, stat.CSTime)) * tickTime,
		TTY:          int32(stat.TTY), Session: int32(stat.Session), RSS: uint64(max(0, stat.RSS)) * uint64(os.Getpagesize()),
		Missing: notInStat,
	}
	copy(t.Comm[:len(t.Comm)-1], stat.Comm) // names of kernel threads may be longer here
	if stat.State == "Z" {
		t.ExitState = taskiter.ExitZombie
	}
	return t
}

func identityOf(t *taskiter.Task) model.Identity {
	return model.Identity{PID: int(t.PID), StartTime: t.StartTime / tickTime}
}

// secondsOf is the CPU time that a process, and the children that it has waited for, have used.
func secondsOf(t *taskiter.Task) (used, children float64) {
	return float64(t.RunTime) / 1e9, float64(t.ChildrenTime) / 1e9
}

// isZombie tells whether nothing of a process is left but its end: a first thread that has ended is a zombie as long
// as others run.
func isZombie(t *taskiter.Task) bool { return t.ExitState&taskiter.ExitZombie != 0 && t.Threads <= 1 }

// isEnding tells whether the thread that stands for a process has ended or is about to: it has sent its account.
func isEnding(t *taskiter.Task) bool { return t.ExitState != 0 || t.Flags&taskiter.FlagExiting != 0 }

// isFirstThreadEnded tells whether the thread that stands for a process has ended: others of it may run.
func isFirstThreadEnded(t *taskiter.Task) bool { return t.ExitState&taskiter.ExitZombie != 0 }

func isKernelThread(t *taskiter.Task) bool { return t.Flags&taskiter.FlagKernelThread != 0 }

// nameOf is what a task is called.
func nameOf(t *taskiter.Task) string {
	length := 0
	for length < len(t.Comm) && t.Comm[length] != 0 {
		length++
	}
	return string(t.Comm[:length])
}

// sameTask tells whether a task is as it was, but for what it does just now.
func sameTask(before, now *taskiter.Task) bool {
	state := before.State
	before.State = now.State
	same := *before == *now
	before.State = state
	return same
}

// showsPrograms tells whether a new program shows in a task.
func showsPrograms(t *taskiter.Task) bool {
	return t.Missing&(taskiter.FieldExecID|taskiter.FieldExe|taskiter.FieldExeName) == 0
}

// sameProgram tells whether a process runs the same program from the same file, as far as its task shows that.
func sameProgram(before, now *taskiter.Task) bool {
	return before.Missing == now.Missing && showsPrograms(now) && before.Comm == now.Comm && before.ExecID == now.ExecID &&
		before.ExeDevice == now.ExeDevice && before.ExeInode == now.ExeInode && before.ExeLinks == now.ExeLinks && before.ExeName == now.ExeName
}

// samePlace tells whether a process belongs where it did. What a task does not show counts as the same.
func samePlace(before, now *taskiter.Task) bool {
	return before.Missing != now.Missing || before.UID == now.UID && before.MountNS == now.MountNS && before.NetNS == now.NetNS &&
		before.PIDNS == now.PIDNS && before.Cgroup == now.Cgroup && before.Cgroups == now.Cgroups
}
