// Replica is a harmless stand-in for the programs of a cryptojacking incident.
// It has no miner in it, opens no connection and ends by itself. What it plays
// is said by REPLICA_MODE:
//
//   - listener: listens, closes what connects, and starts the guardian: the
//     exposed service that was broken into;
//   - guardian: starts the burner and starts it again after it ended;
//   - burner: burns a set share of one core until its guardian is gone;
//   - sleeper: does nothing.
package main

import (
	"fmt"
	"os"
	"time"
)

// maxLifetime ends every process of a replica, whatever became of the test.
const maxLifetime = 10 * time.Minute

func main() {
	deadline := time.Now().Add(maxLifetime)
	if err := play(os.Getenv("REPLICA_MODE"), deadline); err != nil {
		fmt.Fprintln(os.Stderr, "replica:", err)
		os.Exit(1)
	}
}

func play(mode string, deadline time.Time) error {
	switch mode {
	case "listener":
		return listen(os.Getenv("REPLICA_LISTEN"), os.Getenv("REPLICA_GUARDIAN"), deadline)
	case "guardian":
		return guard(os.Getenv("REPLICA_CONTROL"), deadline)
	case "burner":
		return burn(os.Getenv("REPLICA_DUTY"), deadline)
	case "sleeper":
		sleep(deadline)
		return nil
	default:
		return fmt.Errorf("REPLICA_MODE is %q, want listener, guardian, burner or sleeper", mode)
	}
}

// sleep returns when the deadline has passed or the parent is gone.
func sleep(deadline time.Time) {
	for watch := newParentWatch(); time.Now().Before(deadline) && !watch.gone(); {
		time.Sleep(200 * time.Millisecond)
	}
}

// parentWatch reports when the process that started this one is gone: the kernel
// then gives it another parent.
type parentWatch struct{ pid int }

func newParentWatch() parentWatch { return parentWatch{pid: os.Getppid()} }

func (w parentWatch) gone() bool { return os.Getppid() != w.pid }
