package processes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// watched is a sensor with a fake clock that takes interest in what a test says, and what it was asked about.
type watched struct {
	*Sensor
	proc  *fakeProc
	clock *fakeClock
	asked []*model.Process
}

func newWatched(t *testing.T, interest func(*model.Process) model.Interest) *watched {
	t.Helper()
	w := &watched{proc: newFakeProc(t), clock: &fakeClock{at: after(100)}}
	w.proc.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/sbin/init"})
	w.proc.put(fakeProcess{pid: 50, ppid: 1, start: 2, comm: "sh", exe: "/bin/sh", uid: 33})
	w.Sensor = w.proc.sensor()
	w.waker.now, w.waker.after = w.clock.now, w.clock.after
	w.follower.watch.patience = time.Minute // nothing hangs, but the host may be busy
	w.follower.now = func() time.Duration { return w.clock.at.Sub(after(0)) }
	w.follower.watch.interest = func(p *model.Process) model.Interest {
		seen := *p
		w.asked = append(w.asked, &seen)
		return interest(p)
	}
	w.sources()
	sampleAt(t, w.Sensor, 100)
	return w
}

func (w *watched) sources() {
	for _, source := range []model.Source{model.SourceConnector, model.SourceTaskstats} {
		w.follower.setActive(source, silent{})
	}
}

// silent is a source that has nothing to say.
type silent struct{}

func (silent) Lost() uint64             { return 0 }
func (silent) Drain(time.Duration) bool { return true }

// run has a process fork one that runs a program at once.
func (w *watched) run(parent, pid int, exe string, argv ...string) {
	start := w.clock.at.Sub(after(0))
	w.follower.event(procevents.Event{Kind: procevents.Fork, PID: pid, TGID: pid, ParentTGID: parent, Time: start - w.follower.sleep})
	w.become(parent, pid, exe, argv...)
}

func (w *watched) become(parent, pid int, exe string, argv ...string) {
	start := w.clock.at.Sub(after(0))
	w.proc.put(fakeProcess{pid: pid, ppid: parent, start: start.Seconds(), comm: commOf(exe), exe: exe, argv: argv, uid: 33})
	w.follower.event(procevents.Event{Kind: procevents.Exec, PID: pid, TGID: pid, Time: start - w.follower.sleep})
}

func (w *watched) end(pid int) {
	w.proc.remove(pid)
	w.follower.account(procevents.Account{PID: pid, TGID: pid, Last: true, Comm: "x"})
}

// byName takes interest by what the path of a program begins with.
func byName(p *model.Process) model.Interest {
	switch {
	case strings.Contains(strings.Join(p.Argv, " "), "stratum"), strings.HasPrefix(p.Exe, "/tmp/miner"):
		return model.InterestKnown
	case strings.HasPrefix(p.Exe, "/tmp/"):
		return model.InterestPlace
	default:
		return model.InterestNone
	}
}

// TestExecWakes: a program of interest has a sample taken, be it of a process that is older than the exporter or not,
// and one that gives none does not.
func TestExecWakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		exec func(*watched)
		want bool
	}{
		"a compiler":                     {func(w *watched) { w.run(50, 200, "/usr/bin/cc", "cc", "-c") }, false},
		"a miner":                        {func(w *watched) { w.run(50, 200, "/tmp/miner", "x") }, true},
		"a miner by its arguments":       {func(w *watched) { w.run(50, 200, "/usr/bin/python3", "python3", "-o", "stratum:1") }, true},
		"of a process that was there":    {func(w *watched) { w.become(1, 50, "/tmp/miner") }, true},
		"of a process that nobody knows": {func(w *watched) { w.become(1, 300, "/tmp/miner") }, true},
		"gone already":                   {func(w *watched) { w.follower.event(procevents.Event{Kind: procevents.Exec, PID: 400, TGID: 400}) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t, byName)
			test.exec(w)
			if got := len(w.Wake()) == 1; got != test.want {
				t.Errorf("woken: %v, want %v", got, test.want)
			}
		})
	}
}

// TestFirstLook: what is known of a program when it begins is that of a sample: user, ancestors, arguments.
func TestFirstLook(t *testing.T) {
	t.Parallel()
	w := newWatched(t, byName)
	w.run(50, 200, "/usr/bin/python3", "python3", "/tmp/x.py", "stratum")
	if len(w.asked) != 2 {
		t.Fatalf("it was asked %d times, want before and after its arguments were read", len(w.asked))
	}
	got := w.asked[1]
	if got.PID != 200 || got.UID != 33 || got.User != "user33" || got.Parent == nil || got.Parent.PID != 50 || got.Parent.Exe != "/bin/sh" ||
		got.Comm != "python3" || got.Origin != model.OriginSystem || len(got.Argv) != 3 || got.Script != "/tmp/x.py" {
		t.Errorf("got %+v", got)
	}
	w.become(1, 50, "/opt/x")
	if got := w.asked[len(w.asked)-1]; got.PID != 50 || got.UID != 33 || got.Parent != nil && got.Parent.PID != 1 || got.Exe != "/opt/x" {
		t.Errorf("of an older process: %+v", got)
	}
}

// TestTrialsWakeNobody: what compilers try out in a temporary directory costs no samples; a program that stays does.
func TestTrialsWakeNobody(t *testing.T) {
	t.Parallel()
	w := newWatched(t, byName)
	for i := range 200 {
		w.run(50, 1000+i, fmt.Sprintf("/tmp/conftest%d", i))
		w.clock.pass(5 * time.Millisecond)
		w.end(1000 + i)
	}
	w.clock.pass(placeTime)
	if len(w.Wake()) != 0 || w.waker.counts() != (model.ExecTotals{}) {
		t.Errorf("a sample is taken for programs that have ended: %+v", w.waker.counts())
	}
	w.run(50, 2000, "/tmp/stays")
	if len(w.Wake()) != 0 {
		t.Error("a sample is taken before it can be judged")
	}
	w.clock.pass(placeTime)
	if len(w.Wake()) != 1 || w.waker.counts().LookedAt != 1 {
		t.Error("no sample is taken for a program that stays")
	}
}

// TestArgumentsAreRationed: a storm of programs has few of their arguments read, and those of the system leave half.
func TestArgumentsAreRationed(t *testing.T) {
	t.Parallel()
	w := newWatched(t, func(*model.Process) model.Interest { return model.InterestNone })
	for i := range 450 {
		w.run(50, 1000+i, "/usr/bin/true", "true")
	}
	if read := len(w.asked) - 450; read != argumentsAtOnce/2 {
		t.Errorf("the arguments of %d programs of the system were read, want %d", read, argumentsAtOnce/2)
	}
	w.asked = nil
	for i := range 450 {
		w.run(50, 3000+i, "/opt/x", "x")
	}
	if read := len(w.asked) - 450; read != argumentsAtOnce/2 {
		t.Errorf("the arguments of %d other programs were read, want %d", read, argumentsAtOnce/2)
	}
	w.clock.pass(time.Second)
	w.asked = nil
	for i := range 450 {
		w.run(50, 5000+i, "/opt/x", "x")
	}
	if read := len(w.asked) - 450; read != argumentsPerSecond {
		t.Errorf("a second later %d, want %d", read, argumentsPerSecond)
	}
}

// TestEarlySamplesEndNoRound: what is given time is given as much however many samples are asked for.
func TestEarlySamplesEndNoRound(t *testing.T) {
	t.Parallel()
	w := newWatched(t, byName)
	round := w.round.number
	for i := range 10 {
		w.waker.waiting = true
		sampleAt(t, w.Sensor, 100.3+0.3*float64(i))
	}
	if w.round.number != round {
		t.Errorf("ten early samples ended %d rounds", w.round.number-round)
	}
	w.waker.waiting = true
	sampleAt(t, w.Sensor, 105)
	if w.round.number != round+1 {
		t.Error("a regular sample is due, and the round does not end")
	}
	sampleAt(t, w.Sensor, 106)
	if w.round.number != round+2 {
		t.Error("a sample that nobody asked for ends no round")
	}
}
