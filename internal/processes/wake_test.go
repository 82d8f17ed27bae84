package processes

import (
	"fmt"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// fakeClock is a clock that a test moves on. What is to be called later is called by it.
type fakeClock struct {
	at    time.Time
	calls []delayed
}

type delayed struct {
	at   time.Time
	call func()
}

func (c *fakeClock) now() time.Time { return c.at }

func (c *fakeClock) after(d time.Duration, call func()) {
	c.calls = append(c.calls, delayed{c.at.Add(d), call})
}

func (c *fakeClock) pass(d time.Duration) {
	c.at = c.at.Add(d)
	calls := c.calls
	c.calls = nil
	for _, later := range calls {
		if later.at.After(c.at) {
			c.calls = append(c.calls, later)
		} else {
			later.call()
		}
	}
}

// fakeWaker returns a waker for samples that cost as much as the last one.
func fakeWaker(cost time.Duration) (*waker, *fakeClock) {
	clock := &fakeClock{at: after(100)}
	w := newWaker()
	w.now, w.after = clock.now, clock.after
	w.begin()
	w.end(cost, false)
	return w, clock
}

// TestStormOfExecs: a thousand programs a second that ask to be looked at, for a minute, cost a hundredth of a core,
// whatever a sample costs. The rest is counted.
func TestStormOfExecs(t *testing.T) {
	t.Parallel()
	for _, cost := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 800 * time.Millisecond} {
		w, clock := fakeWaker(cost)
		samples := 0
		for range 60_000 {
			w.ask(model.InterestKnown)
			clock.pass(time.Millisecond)
			select {
			case <-w.asked:
				samples++
				w.end(cost, w.begin())
			default:
			}
		}
		whole := cost + 8*time.Millisecond
		spent, budget := time.Duration(samples)*whole, 600*time.Millisecond
		if least := max(50*time.Millisecond, 3*whole); samples < 3 || spent > budget+least {
			t.Errorf("samples of %s: %d in a minute, %s in all", cost, samples, spent)
		}
		if got := w.counts(); got.LookedAt+got.PutOff != 60_000 || got.PutOff == 0 {
			t.Errorf("samples of %s: %+v", cost, got)
		}
	}
}

// TestOneSampleAnswersAll: who asks before a sample begins is answered by it, who asks during it by the next one,
// which comes after a pause.
func TestOneSampleAnswersAll(t *testing.T) {
	t.Parallel()
	w, clock := fakeWaker(time.Millisecond)
	w.ask(model.InterestKnown)
	w.ask(model.InterestSign)
	if len(w.asked) != 1 || !w.begin() {
		t.Fatal("nobody is woken")
	}
	w.ask(model.InterestKnown)
	w.end(time.Millisecond, true)
	if len(w.asked) != 0 {
		t.Error("it is woken again at once")
	}
	clock.pass(wakePause)
	if len(w.asked) != 1 {
		t.Error("who asked during a sample is forgotten")
	}
	// The regular sample is an answer too: nobody is woken for what it saw.
	clock.pass(time.Second)
	w.begin()
	w.ask(model.InterestKnown)
	w.begin()
	clock.pass(time.Second)
	if len(w.asked) != 0 || w.begin() {
		t.Error("it is woken for what the regular sample saw")
	}
}

// TestEntriesGetHalf: programs below an exposed service, of which a web server may start hundreds a second, leave the
// half of the budget to what has more to say.
func TestEntriesGetHalf(t *testing.T) {
	t.Parallel()
	w, clock := fakeWaker(20 * time.Millisecond)
	entries := 0
	for range 1000 {
		w.ask(model.InterestEntry)
		clock.pass(time.Millisecond)
		if len(w.asked) > 0 {
			entries++
			w.end(20*time.Millisecond, w.begin())
		}
	}
	if entries == 0 || w.counts().PutOff == 0 {
		t.Fatalf("%d samples for entries, %+v", entries, w.counts())
	}
	w.ask(model.InterestKnown)
	clock.pass(time.Second)
	if len(w.asked) != 1 {
		t.Error("a known miner waits because a web server is busy")
	}
}

// TestOneProgramLeavesTheRest: a program that begins a thousand times a second gets few looks, and does not keep out
// another one.
func TestOneProgramLeavesTheRest(t *testing.T) {
	t.Parallel()
	w, clock := fakeWaker(time.Millisecond)
	samples := 0
	pass := func(d time.Duration) {
		clock.pass(d)
		if len(w.asked) > 0 {
			samples++
			w.end(time.Millisecond, w.begin())
		}
	}
	for range 10_000 {
		w.askFor(&model.Process{Exe: "/tmp/storm"}, model.InterestKnown)
		pass(time.Millisecond)
	}
	if most := turnsAtOnce + 10*turnsPerSecond; samples < turnsAtOnce || float64(samples) > most {
		t.Errorf("%d samples in ten seconds, want at most %.0f", samples, most)
	}
	before := samples
	w.askFor(&model.Process{Exe: "/tmp/other"}, model.InterestKnown)
	if pass(time.Second); samples != before+1 {
		t.Error("another program waits")
	}
	for i := range 10 * maxTurns {
		w.hasTurn(turn{exe: fmt.Sprint(i)})
	}
	if len(w.turns) > maxTurns {
		t.Errorf("%d programs are told apart", len(w.turns))
	}
}
