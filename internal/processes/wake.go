package processes

import (
	"sync"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// wakeShare is what the samples that are asked for between the regular ones may use, of one core.
	wakeShare = 0.01
	// wakesAtOnce is how many of them may follow each other before the budget holds them back.
	wakesAtOnce = 3
	// wakeBesides is what follows a sample and is not measured, such as judging it, in seconds of CPU.
	wakeBesides = 0.008
	// wakeLeast is what they may use at once on a host where one costs little, in seconds of CPU.
	wakeLeast = 0.05
	// turnsAtOnce is how many looks one program of a user may ask for in a row, and turnsPerSecond how many after
	// that: to see it a hundred times a second says no more, and others wait.
	turnsAtOnce    = 3
	turnsPerSecond = 0.2
	maxTurns       = 1024 // programs that are told apart
	// wakePause is the least time from one of them to the next: as long as the judge rests (internal/monitor).
	wakePause = 250 * time.Millisecond
)

// waker asks for samples between the regular ones, within a budget of CPU time. One sample is an answer to all who
// asked before it began. It may be used by several goroutines.
type waker struct {
	now   func() time.Time
	after func(time.Duration, func()) // calls the function later, on a goroutine of its own
	asked chan struct{}               // holds a value when the sample is due

	mu      sync.Mutex
	waiting bool      // a sample was asked for and has not begun
	began   time.Time // when the last that was asked for began
	cost    float64   // of the last sample, in seconds of CPU
	budget  allowance // in seconds of CPU
	turns   map[turn]*allowance
	totals  model.ExecTotals
}

// turn is whose turn it is: a program of one user.
type turn struct {
	exe string
	uid uint32
}

func newWaker() *waker {
	return &waker{
		now: time.Now, after: func(d time.Duration, f func()) { time.AfterFunc(d, f) },
		asked: make(chan struct{}, 1), budget: newAllowance(wakeShare, wakeLeast), turns: map[turn]*allowance{},
	}
}

// Wake holds a value when a program has begun that is to be looked at at once.
func (s *Sensor) Wake() <-chan struct{} { return s.waker.asked }

// askFor is ask for a program, unless it has had its turns.
func (w *waker) askFor(process *model.Process, interest model.Interest) {
	if w.hasTurn(turn{process.Exe, process.UID}) {
		w.ask(interest)
	} else {
		w.putOff()
	}
}

func (w *waker) hasTurn(of turn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.turns[of]
	if left == nil {
		if len(w.turns) >= maxTurns {
			clear(w.turns)
		}
		fresh := newAllowance(turnsPerSecond, turnsAtOnce)
		left = &fresh
		w.turns[of] = left
	}
	return left.take(1, w.now())
}

// ask asks for a sample. What is of little interest gets half of the budget, so that it does not keep out the rest.
func (w *waker) ask(interest model.Interest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	need := w.cost
	if interest <= model.InterestEntry {
		need += w.budget.most / 2
	}
	now := w.now()
	switch {
	case w.waiting:
		w.totals.LookedAt++
		return
	case !w.budget.has(need, now):
		w.totals.PutOff++
		return
	}
	w.totals.LookedAt++
	w.waiting = true
	if pause := wakePause - now.Sub(w.began); pause > 0 && pause <= wakePause {
		w.after(pause, w.wake)
		return
	}
	w.send()
}

// putOff counts a program that the next sample has to look at.
func (w *waker) putOff() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.totals.PutOff++
}

// wake is ask after a pause, unless a sample has begun meanwhile.
func (w *waker) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting {
		w.send()
	}
}

func (w *waker) send() {
	select {
	case w.asked <- struct{}{}:
	default: // it is due already
	}
}

// begin is called before a sample looks at anything. It tells whether somebody had asked for it.
func (w *waker) begin() (asked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.asked:
	default:
	}
	asked, w.waiting = w.waiting, false
	if asked {
		w.began = w.now()
	}
	return asked
}

// end is called after a sample, with the CPU time that it took. The first ones that are asked for are free.
func (w *waker) end(cost time.Duration, early bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.cost == 0
	w.cost = cost.Seconds() + wakeBesides
	w.budget.most = max(wakeLeast, wakesAtOnce*w.cost)
	if first {
		w.budget.left = w.budget.most
	}
	if early {
		w.budget.left -= w.cost
	}
}

func (w *waker) counts() model.ExecTotals {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.totals
}
