package self

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	tick     = time.Second
	leastGap = 2 * time.Second // that a tick came late, a clock was set or the machine slept
	keepGaps = time.Hour
	maxGaps  = 16
	logEvery = 10 * time.Minute
	// continueTime is how long the runtime may take to hand a signal on that had the
	// exporter go on.
	continueTime = 200 * time.Millisecond
)

// reading is what the clocks said at one moment.
type reading struct {
	monotonic time.Duration // stands still while the machine sleeps (clock_gettime(2))
	boot      time.Duration // goes on
	wall      time.Duration // since the epoch; anybody with the right may set it
	waited    time.Duration // how long this thread was ready and got no CPU, in all (run_delay of /proc/PID/schedstat)
	throttled time.Duration // how long the quota of its cgroup kept it from a CPU; newer kernels do not count that as waiting
}

// gaps are the times in which no sensor could look.
type gaps struct {
	logger log.Logger

	mu     sync.Mutex
	counts map[model.GapReason]uint64
	last   []model.Gap // the newest last
	logged map[model.GapReason]time.Time
}

func newGaps(logger log.Logger) *gaps {
	g := &gaps{logger: logger, counts: map[model.GapReason]uint64{}, logged: map[model.GapReason]time.Time{}}
	for _, reason := range model.GapReasons() {
		g.counts[reason] = 0
	}
	return g
}

// between tells which gaps lie between two readings that should be a tick apart.
func between(before, after reading) (found []model.Gap) {
	elapsed := after.monotonic - before.monotonic
	slept := after.boot - before.boot - elapsed
	if slept >= leastGap {
		found = append(found, model.Gap{Reason: model.GapSuspended, Length: slept})
	}
	if late := elapsed - tick; late >= leastGap {
		reason := model.GapStopped
		if after.waited-before.waited >= late/2 || after.throttled-before.throttled >= late/2 {
			reason = model.GapStarved
		}
		found = append(found, model.Gap{Reason: reason, Length: late})
	}
	if set := after.wall - before.wall - (after.boot - before.boot); set.Abs() >= leastGap {
		found = append(found, model.Gap{Reason: model.GapClock, Length: set})
	}
	return found
}

// add keeps a gap and says it, each reason at most every ten minutes.
func (g *gaps) add(gap model.Gap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts[gap.Reason]++
	if g.last = append(g.last, gap); len(g.last) > maxGaps {
		g.last = append([]model.Gap(nil), g.last[len(g.last)-maxGaps:]...)
	}
	if last, ok := g.logged[gap.Reason]; ok && gap.End.Sub(last) < logEvery {
		return
	}
	g.logged[gap.Reason] = gap.End
	length := gap.Length.Round(100 * time.Millisecond)
	switch gap.Reason {
	case model.GapStopped:
		level.Warn(g.logger).Log("msg", "the exporter was stopped and goes on", "for", length, "by_signal", gap.Signal, "times", g.counts[gap.Reason])
	case model.GapStarved:
		level.Warn(g.logger).Log("msg", "the exporter waited for a CPU and could not look", "for", length, "times", g.counts[gap.Reason])
	case model.GapSuspended:
		level.Info(g.logger).Log("msg", "the host slept", "for", length)
	case model.GapClock:
		level.Warn(g.logger).Log("msg", "the clock of the host was set", "by", length)
	}
}

// snapshot returns the counts, and the gaps of the last hour.
func (g *gaps) snapshot(now time.Time) (map[model.GapReason]uint64, []model.Gap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.last) > 0 && now.Sub(g.last[0].End) > keepGaps {
		g.last = g.last[1:]
	}
	return maps.Clone(g.counts), append([]model.Gap(nil), g.last...)
}

// Watch looks at the clocks once a second until the context ends, on a thread of its own:
// the kernel says how long that thread waited for a CPU, which tells a stopped exporter
// from a starved one. It wakes nothing.
func (s *Sensor) Watch(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ended, end, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer ended.Close()
	stop := context.AfterFunc(ctx, func() { end.Close() })
	defer func() {
		if stop() {
			end.Close()
		}
	}()
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	defer signal.Stop(continued)
	terminal := s.hasTerminal()

	quota := quotaFile(s.options.Own)
	before, err := readClocks(quota)
	if err != nil {
		return err
	}
	poll := []unix.PollFd{{Fd: int32(ended.Fd()), Events: unix.POLLIN}}
	for ctx.Err() == nil {
		if n, err := unix.Poll(poll, int(tick/time.Millisecond)); n > 0 || (err != nil && err != unix.EINTR) {
			return err // it has ended
		}
		after, err := readClocks(quota)
		if err != nil {
			return err
		}
		if after.monotonic-before.monotonic < tick/2 { // a signal came
			continue
		}
		found := between(before, after)
		if len(found) == 0 {
			select {
			case <-continued: // it belongs to no gap
			default:
			}
		}
		for _, gap := range found {
			gap.End, gap.Terminal = time.Now(), terminal
			if gap.Reason == model.GapStopped {
				gap.Signal = arrives(continued)
			}
			s.gaps.add(gap)
		}
		before = after
	}
	return nil
}

// arrives tells whether a signal has come or comes in a moment.
func arrives(signals <-chan os.Signal) bool {
	select {
	case <-signals:
		return true
	case <-time.After(continueTime):
		return false
	}
}

// readClocks reads all clocks at one moment: if it was held up in between, it reads again.
func readClocks(quota string) (r reading, err error) {
	const moment = 100 * time.Millisecond
	for range 10 {
		var end time.Duration
		for _, clock := range []struct {
			id   int32
			into *time.Duration
		}{{unix.CLOCK_MONOTONIC, &r.monotonic}, {unix.CLOCK_BOOTTIME, &r.boot}, {unix.CLOCK_REALTIME, &r.wall}, {unix.CLOCK_MONOTONIC, &end}} {
			var at unix.Timespec
			if err := unix.ClockGettime(clock.id, &at); err != nil {
				return r, fmt.Errorf("read the clock %d: %w", clock.id, err)
			}
			*clock.into = time.Duration(at.Nano())
		}
		if end-r.monotonic < moment {
			break
		}
	}
	r.waited, r.throttled = runDelay(), throttledTime(quota)
	return r, nil
}

// runDelay is how long this thread waited for a CPU, in all. Without CONFIG_SCHED_INFO it is
// 0, and who is starved counts as stopped.
func runDelay() time.Duration {
	content, err := hostfs.ReadStart("/proc/thread-self/schedstat", 128)
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(content))
	if len(fields) < 2 {
		return 0
	}
	waited, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(waited)
}

const (
	cgroupTop = "/sys/fs/cgroup"
	statBytes = 4096 // of cpu.stat
)

// quotaFile is the account of the quota of CPU that holds for this process, or "": cpu.stat of
// its cgroup (Documentation/admin-guide/cgroup-v2.rst), or of the controller cpu of cgroup v1.
func quotaFile(own string) string {
	content, err := hostfs.ReadStart(filepath.Join(own, "cgroup"), cgroupBytes)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		top := cgroupTop
		switch {
		case fields[0] == "0":
		case slices.Contains(strings.Split(fields[1], ","), "cpu"):
			top = filepath.Join(cgroupTop, "cpu")
		default:
			continue
		}
		if file := filepath.Join(top, fields[2], "cpu.stat"); throttledTime(file) >= 0 {
			return file
		}
	}
	return ""
}

// throttledTime reads how long a quota has kept processes from a CPU, or -1.
func throttledTime(file string) time.Duration {
	content, err := hostfs.ReadStart(file, statBytes)
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		number, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
		case name == "throttled_usec":
			return time.Duration(number) * time.Microsecond
		case name == "throttled_time": // cgroup v1
			return time.Duration(number)
		}
	}
	return -1
}

// hasTerminal tells whether this process has a controlling terminal (tty_nr in
// proc_pid_stat(5)).
func (s *Sensor) hasTerminal() bool {
	content, err := hostfs.ReadStart(filepath.Join(s.options.Own, "stat"), 4096)
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(content[strings.LastIndexByte(string(content), ')')+1:]), " ")
	fields := strings.Fields(rest) // state, ppid, pgrp, session, tty_nr
	return len(fields) > 4 && fields[4] != "0"
}
