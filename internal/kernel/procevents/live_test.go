package procevents

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// burn is what the child of TestLive does: use 100 ms of CPU, half of it in a
// second thread.
const burn = "PROCEVENTS_TEST_BURN"

func TestMain(m *testing.M) {
	if os.Getenv(burn) != "" {
		done := make(chan struct{})
		go func() { spin(50 * time.Millisecond); close(done) }()
		spin(50 * time.Millisecond)
		<-done
		os.Exit(7)
	}
	os.Exit(m.Run())
}

func spin(cpu time.Duration) {
	var usage syscall.Rusage
	const thread = 1 // RUSAGE_THREAD
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		if syscall.Getrusage(thread, &usage) == nil && time.Duration(usage.Utime.Nano()+usage.Stime.Nano()) >= cpu {
			return
		}
	}
}

// refused tells whether a source is not to be had here, for a reason that it
// must name.
func refused(t *testing.T, err error) bool {
	t.Helper()
	if err == nil {
		return false
	}
	if os.Getuid() == 0 || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Fatalf("cannot attach, or not for lack of CAP_NET_ADMIN: %v", err)
	}
	return true
}

// TestLive follows a real child: its fork, exec and exit with its code, and the
// CPU time of both its threads.
func TestLive(t *testing.T) {
	t.Parallel()
	connector, err := NewConnector()
	if refused(t, err) {
		return
	}
	taskstats, err := NewTaskstats("/sys")
	if refused(t, err) {
		return
	}
	var mu sync.Mutex
	var events []Event
	var accounts []Account
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := connector.Run(ctx, func(e Event) { mu.Lock(); events = append(events, e); mu.Unlock() }, func() {}); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		if err := taskstats.Run(ctx, func(a Account) { mu.Lock(); accounts = append(accounts, a); mu.Unlock() }, func() {}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), burn+"=1")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	_ = child.Wait()
	used := child.ProcessState.UserTime() + child.ProcessState.SystemTime()

	deadline := time.Now().Add(10 * time.Second)
	for {
		mu.Lock()
		seen, told, last := map[Kind]Event{}, time.Duration(0), false
		for _, e := range events {
			if e.TGID == pid && e.PID == pid {
				seen[e.Kind] = e
			}
		}
		for i := range accounts {
			if accounts[i].TGID == pid {
				told += accounts[i].CPU()
				last = last || accounts[i].Last
			}
		}
		mu.Unlock()
		if len(seen) >= 3 && last {
			if seen[Fork].ParentTGID != os.Getpid() || seen[Exit].ExitCode>>8 != 7 || seen[Exit].Signal() != 0 {
				t.Errorf("fork %+v, exit %+v", seen[Fork], seen[Exit])
			}
			// Both count in ticks, the one sums threads and the other scales the sum.
			if told < used*6/10 || told > used*14/10 {
				t.Errorf("the accounts tell %s, wait(2) %s", told, used)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("seen %v, last account %v, of %d events and %d accounts", seen, last, len(events), len(accounts))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	spin(100 * time.Millisecond)
	account, err := Ask(os.Getpid())
	if refused(t, err) {
		return
	}
	if account.PID != os.Getpid() || account.PPID != os.Getppid() || int(account.UID) != os.Getuid() {
		t.Errorf("account of pid %d: %+v", os.Getpid(), account)
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	// These times are counted by the tick, of at most 10 ms in each thread.
	if used := time.Duration(usage.Utime.Nano() + usage.Stime.Nano()); (account.CPU() - used).Abs() > used/2 {
		t.Errorf("the account tells %s, getrusage(2) %s", account.CPU(), used)
	}
	if _, err := Ask(1 << 22); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a pid that cannot be: %v", err)
	}
}
