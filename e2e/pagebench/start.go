package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// userHZ is USER_HZ of the architectures that Go runs on (man 7 time).
const userHZ = 100

// startOf is when a process was started, exact to 10 ms; zero if it has ended. That is where it became what it is: it
// calls execve(2) at once.
func startOf(pid int, now time.Time) time.Time {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return time.Time{}
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const startTime = 22 - 3 // of proc_pid_stat(5), the first two being cut off
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil || len(fields) <= startTime {
		return time.Time{}
	}
	ticks, err := strconv.ParseInt(fields[startTime], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return now.Add(time.Duration(ticks)*(time.Second/userHZ) - time.Duration(boot.Nano()))
}
