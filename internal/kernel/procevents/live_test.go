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

	"go.uber.org/goleak"
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
	goleak.VerifyTestMain(m)
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

// need ends the test if a source cannot be had: by skipping it where the reason is
// a missing capability, which the error must name.
func need(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getuid() == 0 || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Fatalf("cannot attach, or not for lack of CAP_NET_ADMIN: %v", err)
	}
	t.Skip(err)
}

// sameOrder reports whether an account is right but for the way of counting. An
// account counts ticks of up to 10 ms, whoever runs at that moment, and the others
// scale the sum to the time on the CPU: for 100 ms the two differ by a factor on a
// busy machine, but a wrong unit or field by a thousand.
func sameOrder(account, used time.Duration) bool {
	const factor = 5
	return account > used/factor && account < used*factor
}

// TestLive follows a real child: its fork, exec and exit with its code, and the
// CPU time of both its threads.
func TestLive(t *testing.T) {
	t.Parallel()
	connector, err := NewConnector()
	need(t, err)
	taskstats, err := NewTaskstats("/sys")
	need(t, err)
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

	deadline := time.Now().Add(time.Minute)
	for {
		mu.Lock()
		seen, counted, threads, last := map[Kind]Event{}, time.Duration(0), 0, false
		for _, e := range events {
			if e.TGID == pid && e.PID == pid {
				seen[e.Kind] = e
			}
		}
		for i := range accounts {
			if accounts[i].TGID == pid {
				counted += accounts[i].CPU
				threads++
				last = last || accounts[i].Last
			}
		}
		mu.Unlock()
		if len(seen) >= 3 && last {
			if seen[Fork].ParentTGID != os.Getpid() || seen[Exit].ExitCode>>8 != 7 || seen[Exit].ExitCode&0x7f != 0 {
				t.Errorf("fork %+v, exit %+v", seen[Fork], seen[Exit])
			}
			// At least the two threads that burn have an account.
			if threads < 2 || !sameOrder(counted, used) {
				t.Errorf("the accounts of %d threads sum up to %s, wait(2) says %s", threads, counted, used)
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
	need(t, err)
	if account.PID != os.Getpid() || account.PPID != os.Getppid() || int(account.UID) != os.Getuid() {
		t.Errorf("account of pid %d: %+v", os.Getpid(), account)
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	if used := time.Duration(usage.Utime.Nano() + usage.Stime.Nano()); !sameOrder(account.CPU, used) {
		t.Errorf("the account says %s, getrusage(2) %s", account.CPU, used)
	}
	if _, err := Ask(1 << 22); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a pid that cannot be: %v", err)
	}
}
