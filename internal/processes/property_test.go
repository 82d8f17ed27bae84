package processes

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskiter"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	tick  = time.Second / userHz
	steps = 1000 // of CPU time in a second: the kernel's list tells each, /proc whole ticks
)

// simulated is a process of a simulated kernel. CPU time is in steps, all other in clock ticks.
type simulated struct {
	pid, parent int
	start       int
	exe         string
	threads     map[int]int // living threads, and what each used
	used        int         // also by threads that have ended
	children    int         // by those that it waited for
	zombie      bool
}

// message is on its way from the kernel to the sensor.
type message struct {
	event   procevents.Event
	account procevents.Account
	note    taskevents.Event
	source  model.Source
}

// simulation is a kernel with random processes, which reports them as the real
// one does: what /proc shows is true at once, messages come in order but late.
type simulation struct {
	t      *testing.T
	random *rand.Rand
	proc   *fakeProc
	sensor *Sensor

	now, busy, initial int
	ending             int // of busy, what processes used after their account
	nextID             int
	living             map[int]*simulated
	free               []int // pids to be used again
	queue              []message
	executables        []string
	losses, late       bool
	notes              bool // the kernel notes what happens, in place of messages
	switching          bool // the kernel's list cannot be read at times
	early, held        bool // samples are asked for between the regular ones; no messages come
	most               int  // processes at once
	published          map[*model.Process]model.Process
	still              bool // nothing happens any more
}

func newSimulation(t *testing.T, seed uint64, source string) *simulation {
	s := &simulation{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), proc: newFakeProc(t),
		now: 1000, nextID: 100, living: map[int]*simulated{},
		executables: []string{"/usr/bin/make", "/usr/bin/cc", "/opt/tool", "/home/user/train", "/srv/www/job"},
		switching:   source == "switching", notes: source == "notes", published: map[*model.Process]model.Process{},
	}
	s.proc.shown = map[string]string{}
	s.sensor = s.proc.sensor()
	if source != "poll" {
		s.sensor.options.Tasks = s.tasks
	}
	s.living[1] = &simulated{pid: 1, start: 1, exe: "/usr/sbin/init", threads: map[int]int{1: 0}}
	for range 5 { // they are older than the exporter
		s.fork()
	}
	for range 20 {
		s.burn()
	}
	s.queue, s.initial = nil, s.busy
	s.sensor.follower.now = func() time.Duration { return time.Duration(s.now) * tick }
	if s.notes {
		known := func(*taskevents.Program) error { return nil }
		s.sensor.follower.known = newKnownPrograms(known, known)
		s.sensor.follower.setActive(model.SourceTaskIterator, s)
		return s
	}
	s.sensor.follower.setActive(model.SourceConnector, s)
	s.sensor.follower.setActive(model.SourceTaskstats, s)
	return s
}

// tasks is the kernel's list. It may fail at any place.
func (s *simulation) tasks(each func(*taskiter.Task)) error {
	left := len(s.proc.kernel)
	if s.switching && s.random.IntN(4) == 0 {
		left = s.random.IntN(left)
	}
	var failure error
	err := s.proc.tasks(func(t *taskiter.Task) {
		if left--; left < 0 {
			failure = errors.New("it cannot be read any more")
			return
		}
		each(t)
	})
	return errors.Join(err, failure)
}

// Lost and Drain are what the sensor asks its sources. While it waits the world
// goes on.
func (s *simulation) Lost() uint64 { return 0 }

// Drain handles what happened before, and perhaps more.
func (s *simulation) Drain(time.Duration) bool {
	if s.held {
		return false
	}
	s.deliverSome()
	s.deliverSome()
	return true
}

func (s *simulation) deliverSome() {
	handled := len(s.queue)
	for range s.random.IntN(3) {
		if s.still {
			break
		}
		s.burn()
		s.exit()
		s.reap()
	}
	if s.late && handled > 0 && s.random.IntN(4) == 0 {
		handled-- // it was read, but is not handled yet
	}
	s.deliver(handled)
}

func (s *simulation) any() *simulated {
	pids := make([]int, 0, len(s.living))
	for pid, p := range s.living {
		if !p.zombie {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return s.living[pids[s.random.IntN(len(pids))]]
}

func (s *simulation) tell(e procevents.Event) {
	if s.notes {
		s.note(e)
		return
	}
	e.Time = time.Duration(s.now)*tick - s.sensor.follower.sleep
	s.queue = append(s.queue, message{event: e, source: model.SourceConnector})
}

// note has the kernel note what messages would tell of a process.
func (s *simulation) note(e procevents.Event) {
	p, now := s.living[e.TGID], time.Duration(s.now)*tick
	note := taskevents.Event{PID: p.pid, Start: time.Duration(p.start) * tick, Time: now, Comm: [16]byte{'x'}}
	switch {
	case e.Kind == procevents.Fork && e.PID == e.TGID:
		note.Kind, note.Parent = taskevents.Fork, e.ParentTGID
	case e.Kind == procevents.Exec:
		note.Kind = taskevents.Exec
	case e.Kind == procevents.Exit && len(p.threads) == 0: // but for what it did since the last tick
		note.Kind, note.CPU = taskevents.Exit, time.Duration(p.used-s.random.IntN(p.used/10+1))*time.Second/steps
	default:
		return // threads are not noted
	}
	s.queue = append(s.queue, message{source: model.SourceTaskIterator, note: note})
}

func (s *simulation) id() int {
	if len(s.free) > 0 && s.random.IntN(2) == 0 {
		s.deliver(len(s.queue)) // pids do not come round faster than messages
		id := s.free[0]
		s.free = s.free[1:]
		return id
	}
	s.nextID++
	return s.nextID
}

func (s *simulation) fork() {
	parent, pid := s.any(), s.id()
	s.now += 2 * traceSlack // see there
	s.living[pid] = &simulated{pid: pid, parent: parent.pid, start: s.now, exe: parent.exe, threads: map[int]int{pid: 0}}
	s.tell(procevents.Event{Kind: procevents.Fork, PID: pid, TGID: pid, ParentTGID: parent.pid})
}

func (s *simulation) thread() {
	p, id := s.any(), s.id()
	p.threads[id] = 0
	s.tell(procevents.Event{Kind: procevents.Fork, PID: id, TGID: p.pid, ParentTGID: p.pid})
}

func (s *simulation) exec() {
	p := s.any()
	if len(p.threads) > 1 || p.pid == 1 {
		return // the other threads would end
	}
	p.exe = s.executables[s.random.IntN(len(s.executables))]
	s.show()
	s.tell(procevents.Event{Kind: procevents.Exec, PID: p.pid, TGID: p.pid})
}

func (s *simulation) burn() {
	p := s.any()
	threads := make([]int, 0, len(p.threads))
	for id := range p.threads {
		threads = append(threads, id)
	}
	slices.Sort(threads)
	used := s.random.IntN(2 * steps)
	p.threads[threads[s.random.IntN(len(threads))]] += used
	p.used += used
	s.busy += used
}

// exit ends one thread, the first one as often as another.
func (s *simulation) exit() {
	p := s.any()
	if p.pid == 1 {
		return
	}
	id := p.pid
	if _, first := p.threads[id]; !first || len(p.threads) > 1 && s.random.IntN(2) == 0 {
		for other := range p.threads {
			if other != p.pid && (id == p.pid || other < id) {
				id = other
			}
		}
	}
	used := p.threads[id]
	delete(p.threads, id)
	last := len(p.threads) == 0
	s.tell(procevents.Event{Kind: procevents.Exit, PID: id, TGID: p.pid})
	if !s.notes {
		s.queue = append(s.queue, message{source: model.SourceTaskstats, account: procevents.Account{
			PID: id, TGID: p.pid, Last: last, CPU: time.Duration(used) * time.Second / steps, Comm: "x",
		}})
	}
	if id != p.pid {
		s.free = append(s.free, id)
	}
	if last {
		p.zombie = true
		ending := s.random.IntN(steps / 5) // the kernel's work for it after its account
		p.used += ending
		s.busy += ending
		s.ending += ending
		for _, child := range s.living {
			if child.parent == p.pid {
				child.parent = 1
			}
		}
	}
}

// reap has a parent wait for a child that ended.
func (s *simulation) reap() {
	for pid := 2; pid <= s.nextID; pid++ {
		p, ok := s.living[pid]
		if !ok || !p.zombie || s.random.IntN(2) == 0 {
			continue
		}
		if parent := s.living[p.parent]; !parent.zombie {
			parent.children += p.used + p.children
		}
		if s.notes {
			s.queue = append(s.queue, message{source: model.SourceTaskIterator, note: taskevents.Event{
				Kind: taskevents.Gone, PID: pid, Start: time.Duration(p.start) * tick, CPU: time.Duration(p.used) * time.Second / steps,
			}})
		}
		delete(s.living, pid)
		s.proc.remove(pid)
		s.free = append(s.free, pid)
		return
	}
}

// deliver brings the first messages of each source; which source comes first
// is random.
func (s *simulation) deliver(count int) {
	now := s.queue[:count]
	s.queue = slices.Clone(s.queue[count:])
	order := []model.Source{model.SourceConnector, model.SourceTaskstats, model.SourceTaskIterator}
	if s.random.IntN(2) == 0 {
		slices.Reverse(order)
	}
	for _, source := range order {
		for _, m := range now {
			switch {
			case m.source != source:
			case source == model.SourceConnector:
				s.sensor.follower.event(m.event)
			case source == model.SourceTaskIterator:
				s.sensor.follower.note(&m.note)
			default:
				s.sensor.follower.account(m.account)
			}
		}
	}
}

// lose drops some of the messages that are on their way.
func (s *simulation) lose() {
	if len(s.queue) == 0 {
		return
	}
	from := s.random.IntN(len(s.queue))
	to := from + s.random.IntN(len(s.queue)-from) + 1
	s.queue = slices.Delete(s.queue, from, to)
	s.sensor.follower.lost()
}

// show writes /proc.
func (s *simulation) show() {
	s.proc.setBusy(float64(s.busy) / steps)
	s.most = max(s.most, len(s.living))
	for pid, p := range s.living {
		state, threads := "S", len(p.threads)
		if _, first := p.threads[pid]; !first {
			state, threads = "Z", threads+1
		}
		s.proc.put(fakeProcess{
			pid: pid, ppid: p.parent, start: float64(p.start) / userHz, comm: "x", exe: p.exe, state: state,
			threads: threads, used: float64(p.used) / steps, children: float64(p.children) / steps,
		})
	}
}

// sample takes one between messages, and holds what is always true.
func (s *simulation) sample() *model.ProcessSnapshot {
	s.t.Helper()
	return s.sampleAfter(userHz)
}

// sampleEarly takes some that were asked for, a moment after each other. At times the host is so busy that no message
// comes as long as they are taken.
func (s *simulation) sampleEarly() {
	s.t.Helper()
	s.held = s.random.IntN(2) == 0
	for range 1 + s.random.IntN(3) {
		s.sensor.waker.waiting = true
		s.sampleAfter(userHz / 10)
	}
	s.held = false
}

func (s *simulation) sampleAfter(ticks int) *model.ProcessSnapshot {
	s.t.Helper()
	before := s.sensor.Snapshot()
	s.show()
	s.now += ticks
	busy := float64(s.busy-s.initial) / steps
	snapshot := sampleAt(s.t, s.sensor, float64(s.now)/userHz)
	if math.Abs(snapshot.BusySeconds-busy) > 1.0/userHz+1e-6 && before != nil {
		s.t.Fatalf("busy for %.2f s, reported as %.2f s", busy, snapshot.BusySeconds)
	}
	if got, most := attributed(snapshot), float64(s.busy-s.initial)/steps; got > most+1.0/userHz+1e-6 {
		s.t.Errorf("%.2f s are attributed of %.2f s", got, most)
	}
	if before != nil {
		for key, totals := range before.Origins {
			if got := snapshot.Origins[key]; got.CPUSeconds < totals.CPUSeconds || got.Starts < totals.Starts || got.Respawns < totals.Respawns {
				s.t.Errorf("%v went back from %+v to %+v", key, totals, got)
			}
		}
		if snapshot.Unattributed < before.Unattributed {
			s.t.Errorf("unattributed went back from %v to %v", before.Unattributed, snapshot.Unattributed)
		}
	}
	for p, was := range s.published {
		if !reflect.DeepEqual(*p, was) {
			s.t.Errorf("a process was changed after it was published: from %+v to %+v", was, *p)
		}
	}
	clear(s.published)
	for _, p := range snapshot.Processes {
		s.published[p] = *p
	}
	return snapshot
}

func attributed(s *model.ProcessSnapshot) (seconds float64) {
	for _, totals := range s.Origins {
		seconds += totals.CPUSeconds
	}
	return seconds
}

// TestNoSecondIsLostOrCountedTwice runs random births, execs, threads that
// outlive their leader, exits and pid reuse. As long as nothing is lost every
// second has its owner; with losses none has two, and what has none is reported. With every
// other seed samples are asked for between the regular ones.
func TestNoSecondIsLostOrCountedTwice(t *testing.T) {
	t.Parallel()
	kinds := []struct {
		name         string
		losses, late bool
	}{{"prompt", false, false}, {"late", false, true}, {"lossy", true, false}}
	for _, source := range []string{"poll", "tasks", "switching", "notes"} {
		for _, kind := range kinds {
			for seed := range uint64(8) {
				t.Run(fmt.Sprintf("%s/%s/%d", source, kind.name, seed), func(t *testing.T) {
					t.Parallel()
					s := newSimulation(t, seed, source)
					s.losses, s.late, s.early = kind.losses, kind.late, seed%2 == 1
					s.run()
				})
			}
		}
	}
}

func (s *simulation) run() {
	s.sample()
	actions := []func(){s.fork, s.fork, s.thread, s.exec, s.burn, s.burn, s.burn, s.burn, s.exit, s.exit, s.reap, s.reap}
	if s.losses {
		actions = append(actions, s.lose)
	}
	for range 400 {
		actions[s.random.IntN(len(actions))]()
		switch s.random.IntN(12) {
		case 0:
			s.sample()
		case 4, 5:
			if s.early {
				s.sampleEarly()
			}
		case 1, 2, 3:
			s.deliver(s.random.IntN(len(s.queue) + 1))
		}
	}
	late := s.late
	s.late, s.still = false, true
	s.sample()
	s.sample()
	s.sample()
	last := s.sample()
	busy, got := last.BusySeconds, attributed(last)
	if gap := busy - got; last.Unattributed < gap-1e-6 {
		s.t.Errorf("busy %.2f s, attributed %.2f s, unattributed only %.2f s", busy, got, last.Unattributed)
	}
	// /proc cuts the time of each process to ticks, and the host's.
	cut, ending := float64(s.most+1)/userHz+1e-6, float64(s.ending)/steps
	if end := float64(s.busy-s.initial) / steps; !s.losses && got < busy-ending/2-cut || got > end+cut {
		s.t.Errorf("busy %.2f s, attributed %.2f s", busy, got)
	}
	if !s.losses && !late && last.Unattributed > ending+cut {
		s.t.Errorf("unattributed %.2f s, though nothing was lost", last.Unattributed)
	}
	if busy < 50 {
		s.t.Fatalf("busy for only %.2f s: the simulation does nothing", busy)
	}
}
