package procevents

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// opened returns a reader of two sockets, and what sends to them.
func opened(t *testing.T) (r *reader, urgent, patient int) {
	t.Helper()
	r = &reader{}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	var fd int
	fd, urgent = pair(t)
	r.urgent = []int{fd}
	fd, patient = pair(t)
	r.patient = []int{fd}
	return r, urgent, patient
}

// TestDrainWaitsForTheHandler holds that Drain waits for what was sent before it was called, also while it is
// being handled, and while more and more comes.
func TestDrainWaitsForTheHandler(t *testing.T) {
	t.Parallel()
	r, urgent, patient := opened(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	handling, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	handled := map[byte]int{}
	inbox := newInbox()
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.run(ctx, func() (bool, error) {
			for _, fd := range []int{r.urgent[0], r.patient[0]} {
				if _, _, err := inbox.receive(fd, func(data []byte) error {
					once.Do(func() { close(handling); <-goOn })
					handled[data[0]]++
					return nil
				}); err != nil {
					return false, err
				}
			}
			write(t, patient, enveloped(t, []byte("more"))) // there is always something to read
			return true, nil
		}); err != nil {
			t.Error(err)
		}
	})
	write(t, urgent, enveloped(t, []byte("urgent..")))
	<-handling
	if r.Drain(10 * time.Millisecond) {
		t.Error("a message that is being handled does not count")
	}
	close(goOn)
	write(t, patient, enveloped(t, []byte("patient.")))
	if !r.Drain(time.Minute) {
		t.Error("there is no end to it")
	}
	stop()
	running.Wait()
	if handled['u'] != 1 || handled['p'] != 1 {
		t.Errorf("handled %v", handled)
	}
	if !r.Drain(time.Minute) {
		t.Error("a reader that has ended is waited for")
	}
}

// TestReaderEnds holds that a round that fails ends the reader, and who waits for it.
func TestReaderEnds(t *testing.T) {
	t.Parallel()
	r, _, _ := opened(t)
	broken := errors.New("broken")
	var running sync.WaitGroup
	running.Go(func() {
		if !r.Drain(time.Minute) {
			t.Error("Drain waited for a reader that has failed")
		}
	})
	if err := r.run(t.Context(), func() (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	running.Wait()
}

func TestSetInOrder(t *testing.T) {
	t.Parallel()
	event := func(kind Kind, pid int, at time.Duration) Event {
		return Event{Kind: kind, PID: pid, TGID: pid, Time: at}
	}
	for name, test := range map[string]struct {
		execs, others, again, want, early []Event
	}{
		"nothing": {},
		"a whole life": {
			execs:  []Event{event(Exec, 7, 2)},
			others: []Event{event(Fork, 7, 1), event(Exit, 7, 3)},
			want:   []Event{event(Fork, 7, 1), event(Exec, 7, 2), event(Exit, 7, 3)},
		},
		"it ended meanwhile": {
			others: []Event{event(Fork, 7, 1), event(Exit, 7, 3)},
			again:  []Event{event(Exec, 7, 2)},
			want:   []Event{event(Fork, 7, 1), event(Exec, 7, 2), event(Exit, 7, 3)},
		},
		"it began meanwhile": {
			others: []Event{event(Fork, 7, 1)},
			again:  []Event{event(Exec, 8, 3)},
			want:   []Event{event(Fork, 7, 1)},
			early:  []Event{event(Exec, 8, 3)},
		},
		"forks of two CPUs that came in the other order": {
			execs:  []Event{event(Exec, 8, 4)},
			others: []Event{event(Fork, 9, 5), event(Fork, 8, 3)},
			want:   []Event{event(Fork, 8, 3), event(Exec, 8, 4), event(Fork, 9, 5)},
		},
		"an exec alone": {
			execs: []Event{event(Exec, 7, 2)},
			want:  []Event{event(Exec, 7, 2)},
		},
	} {
		c := &Connector{}
		c.events = append(append(append(c.events, test.execs...), test.others...), test.again...)
		c.setInOrder(len(test.execs), len(test.execs)+len(test.others))
		if diff := cmp.Diff(test.want, append([]Event(nil), c.events...)) + cmp.Diff(test.early, append([]Event(nil), c.early...)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestFilter holds that the kernel drops what is not wanted.
func TestFilter(t *testing.T) {
	t.Parallel()
	in, out := pair(t)
	if err := filter(in, []uint32{eventFork, eventExit}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []uint32{eventFork, eventExec, eventUID, eventNone, eventExit, 0x200} {
		if err := unix.Send(out, enveloped(t, message(kind, 1, 2, 3, 4)), unix.MSG_DONTWAIT); err != nil && !errors.Is(err, unix.EPERM) {
			t.Fatal(err) // a socket of this family says that its peer did not want it
		}
	}
	var got []Kind
	if _, failed, err := newInbox().receive(in, func(data []byte) error {
		event, known, err := parseEvent(data)
		if _, ok := answer(data); known || ok {
			got = append(got, event.Kind)
		}
		return err
	}); failed != 0 || err != nil {
		t.Fatal(failed, err)
	}
	if diff := cmp.Diff([]Kind{Fork, 0, Exit}, got); diff != "" {
		t.Error(diff)
	}
}

// TestPollWithoutLimit holds that a silent socket costs nothing: it is waited for, not asked again and again.
func TestPollWithoutLimit(t *testing.T) {
	t.Parallel()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(pipe[0]) }()
	go func() {
		time.Sleep(20 * time.Millisecond)
		_ = unix.Close(pipe[1])
	}()
	wait := []unix.PollFd{{Fd: int32(pipe[0]), Events: unix.POLLIN}}
	if err := poll(wait, -1); err != nil || wait[0].Revents == 0 {
		t.Errorf("it came back with nothing: %v", err)
	}
}
