package inspect

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func subject(pid int, uid uint32) Subject {
	return Subject{Identity: model.Identity{PID: pid, StartTime: 7}, UID: uid}
}

func answers() (int, error) { return 7, nil }

// TestHungProcessesOfOneUser holds that 64 processes whose memory never answers
// neither hold a sample up for long nor keep others from being looked at.
func TestHungProcessesOfOneUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads, release := NewReads(), make(chan struct{})
		hangs := func() (int, error) { <-release; return 0, nil }
		for range 200 { // samples, one each 5 s
			reads.Begin(time.Now())
			began := time.Now()
			for pid := range 64 {
				if _, err := Within(reads, subject(pid, 1000), Memory, ReadTime, hangs); !errors.Is(err, hostfs.ErrTimeout) {
					t.Fatalf("pid %d: %v", pid, err)
				}
			}
			if took := time.Since(began); took > sampleTimeOfUser {
				t.Fatalf("one user's processes held a sample up for %s", took)
			}
			if got, err := Within(reads, subject(100, 1001), Memory, ReadTime, answers); got != 7 || err != nil {
				t.Fatalf("another user's process: %d, %v", got, err)
			}
			time.Sleep(5 * time.Second)
		}
		if stuck := reads.Guard().Stuck(); stuck != maxStuckOfUser {
			t.Errorf("%d reads hang, want %d", stuck, maxStuckOfUser)
		}
		close(release)
		synctest.Wait()
	})
}

// TestPauses holds that a process whose memory hangs is asked again after a minute,
// then after ever more up to an hour, and not while the last read is waiting.
func TestPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads, of := NewReads(), subject(10, 1000)
		var asked []time.Duration
		start := time.Now()
		late := func() (int, error) {
			asked = append(asked, time.Since(start).Round(time.Minute))
			time.Sleep(2 * time.Second)
			return 7, nil
		}
		for time.Since(start) < 4*time.Hour {
			reads.Begin(time.Now())
			_, err := Within(reads, of, Memory, ReadTime, late)
			if !errors.Is(err, hostfs.ErrTimeout) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183}
		if len(asked) != len(want) {
			t.Fatalf("asked at %v, want minutes %v", asked, want)
		}
		for i := range want {
			if (asked[i] - want[i]*time.Minute).Abs() > time.Minute {
				t.Errorf("asked at %v, want minutes %v", asked, want)
			}
		}
		if hangs := reads.MemoryHangs(of.Identity); hangs < 3*time.Hour {
			t.Errorf("it hangs for %s", hangs)
		}
		reads.Forget(func(model.Identity) bool { return false })
		if got, err := Within(reads, of, Memory, ReadTime, answers); got != 7 || err != nil {
			t.Errorf("another process of that identity: %d, %v", got, err)
		}
		if hangs := reads.MemoryHangs(of.Identity); hangs != 0 {
			t.Errorf("it answers and hangs for %s", hangs)
		}
	})
}

// TestOneLateAnswer is that of a busy host: it is no finding.
func TestOneLateAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads, of := NewReads(), subject(10, 1000)
		reads.Begin(time.Now())
		_, err := Within(reads, of, Memory, ReadTime, func() (int, error) { time.Sleep(time.Second); return 7, nil })
		if !errors.Is(err, hostfs.ErrTimeout) {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		reads.Begin(time.Now())
		if hangs := reads.MemoryHangs(of.Identity); hangs != 0 {
			t.Errorf("it hangs for %s", hangs)
		}
		if _, err := Within(reads, of, Memory, ReadTime, answers); !errors.Is(err, ErrPaused) {
			t.Errorf("before the pause is over: %v", err)
		}
		if got, err := Within(reads, of, Kernel, ReadTime, answers); got != 7 || err != nil {
			t.Errorf("another kind of read: %d, %v", got, err)
		}
		reads.Renew(of.Identity)
		if got, err := Within(reads, of, Memory, ReadTime, answers); got != 7 || err != nil {
			t.Errorf("another program: %d, %v", got, err)
		}
	})
}

func TestReadsHandOnErrors(t *testing.T) {
	t.Parallel()
	reads := NewReads()
	reads.Begin(time.Now())
	if _, err := Within(reads, subject(1, 0), File, time.Minute, func() (int, error) { return 0, io.EOF }); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if hung := reads.Hung(); hung != nil {
		t.Errorf("%+v", hung)
	}
}
