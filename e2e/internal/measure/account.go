package measure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// clockOfProcess makes the number of the clock of a process out of its pid: the low bits
// say that it is CPU time, by the scheduler, of the whole process (CPUCLOCK_SCHED in the
// kernel's include/linux/posix-timers_types.h). clock_getcpuclockid(3) does the same.
const clockOfProcess = 2

// CPUTime is what a process has used, its ended threads too but not its children, in
// nanoseconds and not in ticks.
func CPUTime(pid int) (time.Duration, error) {
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|clockOfProcess), &used); err != nil {
		return 0, fmt.Errorf("CPU time of pid %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// Resident is the memory of a process that is in RAM now, in bytes (VmRSS of proc(5)).
func Resident(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return sizeIn(status, "VmRSS")
}

// sizeIn is a size in bytes out of /proc/PID/status.
func sizeIn(status []byte, name string) (int64, error) {
	for line := range bytes.Lines(status) {
		if rest, found := bytes.CutPrefix(line, []byte(name+":")); found {
			kibibytes, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in %d bytes of status", name, len(status))
}

// Processes counts the processes that a directory like /proc lists.
func Processes(procfs string) (int, error) {
	names, err := filepath.Glob(filepath.Join(procfs, "[0-9]*"))
	return len(names), err
}

// Peak is the most memory that a process has had in RAM, in bytes (VmHWM of proc(5)), since it
// began or since 5 was written to its clear_refs.
func Peak(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return sizeIn(status, "VmHWM")
}
