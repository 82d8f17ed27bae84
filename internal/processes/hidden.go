package processes

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxHidden bounds the processes that are looked for behind mounts.
const maxHidden = 1024

// covers returns the processes whose directory in procfs, or a file of it, has
// something mounted over it, and says what (T1564.013). One such mount in the
// namespace of this process hides them from every tool in it; one in that of
// pid 1 hides them from the host's. Lines are read one by one here: one that
// cannot be understood must not lose the rest.
func (r *reader) covers() map[int]string {
	covered := map[int]string{}
	for _, pid := range []string{"self", "1"} {
		content, err := os.ReadFile(filepath.Join(r.proc, pid, "mountinfo"))
		if err != nil {
			if pid == "self" && !errors.Is(err, os.ErrNotExist) {
				r.failed(model.AspectStat, err)
			}
			continue
		}
		for line := range bytes.Lines(content) {
			if len(covered) == maxHidden {
				break
			}
			if pid, what, ok := r.cover(string(line)); ok {
				covered[pid] = what
			}
		}
	}
	return covered
}

// cover reads one line of mountinfo (proc_pid_mountinfo(5)).
func (r *reader) cover(line string) (pid int, what string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 5 {
		return 0, "", false
	}
	for _, procfs := range []string{r.proc, "/proc"} {
		below, found := strings.CutPrefix(fields[4], strings.TrimSuffix(procfs, "/")+"/")
		if !found {
			continue
		}
		directory, _, _ := strings.Cut(below, "/")
		pid, err := strconv.Atoi(directory)
		if err != nil || pid <= 0 {
			continue
		}
		what = fields[3] // the directory that is shown instead, within its file system
		if i := slices.Index(fields, "-"); i > 0 && i+1 < len(fields) {
			what = fields[i+1] + " " + what
		}
		return pid, what, true
	}
	return 0, "", false
}

// seeHidden takes the processes behind mounts into the table. The kernel's
// accounts still tell what they use (taskstats(8)), and what they run may be
// known from before. Their CPU time stays without an owner: nobody else who
// looks at /proc sees them either.
func (p *pass) seeHidden(covered map[int]string) {
	pids := make([]int, 0, len(covered))
	for pid := range covered {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	for _, pid := range pids {
		if e := p.hidden(pid); e != nil {
			e.process.HiddenBy = covered[pid]
		}
	}
}

func (p *pass) hidden(pid int) *entry {
	s := p.sensor
	account, err := s.options.Ask(pid)
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil // the mount has outlived it
	case err != nil && unix.Kill(pid, 0) == unix.ESRCH:
		return nil
	}
	e := s.entries[pid]
	if err == nil && e != nil {
		// The account's start is rounded, and the pid may be another's by now.
		if started := p.now.Add(-account.Elapsed); started.Sub(e.process.Started).Abs() > clockSlack {
			p.replaced[pid] = append(p.replaced[pid], e)
			e = nil
		}
	}
	if e == nil {
		e = p.newHidden(pid, account)
		s.entries[pid] = e
	}
	if err == nil {
		e.used = max(e.used, account.CPU().Seconds())
	}
	p.uncover(e)
	e.delta, e.childrenBefore, e.childrenDelta = 0, 0, 0
	e.seen, e.missing, e.hidden = s.samples, false, true
	e.process.CPUSeconds = e.used
	e.process.Cores, e.process.CoresSpan = e.window.mean(p.now, e.used)
	e.process.ConstantCores, e.process.ConstantSpan = e.steady.add(p.now, e.used)
	p.order = append(p.order, e)
	return e
}

// newHidden makes the entry of a process that was hidden before a sample saw it.
func (p *pass) newHidden(pid int, account procevents.Account) *entry {
	s := p.sensor
	e := &entry{used: account.CPU().Seconds(), counted: true, hidden: true}
	process := &e.process
	process.Started = p.now.Add(-account.Elapsed)
	process.Identity = model.Identity{PID: pid, StartTime: uint64(max(0, process.Started.Sub(s.boot)) / (time.Second / userHz))}
	process.PPID, process.Comm, process.Threads = account.PPID, account.Comm, 1
	process.UID, process.Isolation = account.UID, model.IsolationHost
	t := s.follower.trace(pid)
	if t == nil || !t.forked {
		t = &trace{comm: account.Comm}
	}
	if t.owner != nil {
		process.Cgroup, process.Unit, process.ContainerID = t.owner.cgroup, t.owner.unit, t.owner.contained
		process.Isolation = t.owner.namespace
	}
	process.User = userOf(process.UID, process.Isolation, s.options.UserName)
	p.runs(e, t)
	process.Parent = p.exact(t.parent)
	if parent, ok := s.entries[account.PPID]; ok && process.Parent == nil {
		process.Parent = parent.ancestor()
	}
	e.imageStarted = process.Started
	e.window = newWindow(process.Started, p.now, e.used)
	return e
}

// cannotAsk is what New sets where the kernel's accounts are not to be had.
func cannotAsk(pid int) (procevents.Account, error) {
	return procevents.Account{}, fmt.Errorf("the account of pid %d: %w", pid, errors.ErrUnsupported)
}
