package main

import (
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	burnPeriod  = 50 * time.Millisecond
	threadUsage = 1 // RUSAGE_THREAD of getrusage(2)
)

// burn uses a share of a core on each of the threads until the deadline.
func burn(threads int, duty float64, deadline time.Time) {
	if threads == 0 {
		time.Sleep(time.Until(deadline))
		return
	}
	if duty <= 0 || duty > 1 {
		duty = 1
	}
	runtime.GOMAXPROCS(threads + 1) // one more, for what restarts the child, and the network
	var all sync.WaitGroup
	for range threads {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			burnThread(duty, deadline)
		}()
	}
	all.Wait()
}

// burnThread keeps the CPU time of this thread at its share of the time that
// passed: measured, because on a busy machine a loop of fixed length uses less.
func burnThread(duty float64, deadline time.Time) {
	began, used := time.Now(), threadTime()
	for now := began; now.Before(deadline); now = time.Now() {
		if duty < 1 && threadTime()-used > time.Duration(duty*float64(now.Sub(began))) {
			time.Sleep(burnPeriod / 5)
			continue
		}
		count()
	}
}

// count is the arithmetic: a fraction of a millisecond of it.
func count() {
	for range 200_000 {
		continue
	}
}

func threadTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(threadUsage, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
