package cpu

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// sampled counts what processes of one program use in each sample of 5 s.
type sampled struct {
	programs *Programs
	now      time.Time
	pid      int
}

func newSampled() *sampled {
	s := &sampled{programs: NewPrograms(), now: noon()}
	s.publish()
	return s
}

func (s *sampled) publish() map[model.ProgramKey]model.Load {
	loads := s.programs.Publish(s.now)
	s.now = s.now.Add(5 * time.Second)
	return loads
}

func (s *sampled) process() *model.Process {
	s.pid++
	return &model.Process{Identity: model.Identity{PID: s.pid}}
}

func miner() model.ProgramKey { return model.ProgramKey{Suspect: "miner", UID: 1000} }

func near(a, b float64) bool { return math.Abs(a-b) < 0.02 }

// TestLoadOfAProgram holds that a program's load is the same however many processes it goes on in.
func TestLoadOfAProgram(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		sample func(s *sampled, number int)
		ended  int
		living int
		last   bool
	}{
		{"one process", func(s *sampled, _ int) { s.programs.Credit(miner(), s.process(), 5, true) }, 0, 1, false},
		{"a new process every 20 s", func(s *sampled, number int) {
			if number%4 == 3 {
				s.programs.Credit(miner(), s.process(), 2, false)
				s.programs.End(miner())
				s.programs.Credit(miner(), s.process(), 3, true)
				return
			}
			s.programs.Credit(miner(), s.process(), 5, true)
		}, 3, 1, false},
		{"many short ones", func(s *sampled, _ int) {
			for range 50 {
				s.programs.Credit(miner(), s.process(), 0.1, false)
				s.programs.End(miner())
			}
		}, 600, 0, true},
		{"eight small ones", func(s *sampled, _ int) {
			for range 8 {
				s.programs.Credit(miner(), s.process(), 5.0/8, true)
			}
		}, 0, 8, false},
		{"children that nobody saw", func(s *sampled, _ int) { s.programs.CreditChildren(miner(), s.process(), 5) }, 0, 1, false},
	} {
		s := newSampled()
		var load model.Load
		for number := range 14 {
			test.sample(s, number)
			load = s.publish()[miner()]
		}
		if !near(load.Cores, 1) || load.Span < 55*time.Second || load.Span > 65*time.Second || load.Ended != test.ended || load.Living != test.living {
			t.Errorf("%s: %+v", test.name, load)
		}
		if (load.Last != nil) != test.last || load.Last != nil && load.Last.PID == 0 {
			t.Errorf("%s: last %+v", test.name, load.Last)
		}
	}
}

// TestLoadComesAndGoes holds that a burst is no load of a minute, and that what has ended is forgotten.
func TestLoadComesAndGoes(t *testing.T) {
	t.Parallel()
	s := newSampled()
	for range 4 {
		s.programs.Credit(miner(), s.process(), 5, false)
		s.programs.End(miner())
		if load := s.publish()[miner()]; load.Span >= 55*time.Second {
			t.Fatalf("after a moment: %+v", load)
		}
	}
	for range 8 {
		s.publish()
	}
	if load := s.publish()[miner()]; load.Cores > 0.4 || load.Last == nil || s.programs.Cores(miner()) != load.Cores {
		t.Errorf("after a minute: %+v", load)
	}
	for range 30 {
		s.publish()
	}
	if len(s.programs.all) != 0 {
		t.Errorf("%d programs are kept", len(s.programs.all))
	}
	s.programs.End(miner())
	if loads := s.publish(); len(loads) != 0 || len(s.programs.all) != 0 {
		t.Errorf("the end of an unknown one: %v", loads)
	}
}

// TestLoadOfAnotherUser holds that users do not add up.
func TestLoadOfAnotherUser(t *testing.T) {
	t.Parallel()
	s := newSampled()
	other := miner()
	other.UID++
	var loads map[model.ProgramKey]model.Load
	for range 14 {
		s.programs.Credit(miner(), s.process(), 2.5, true)
		s.programs.Credit(other, s.process(), 2.5, true)
		loads = s.publish()
	}
	if !near(loads[miner()].Cores, 0.5) || !near(loads[other].Cores, 0.5) {
		t.Errorf("%+v", loads)
	}
}

// TestConstantLoad holds that a throttled program which goes on in other processes is steady.
func TestConstantLoad(t *testing.T) {
	t.Parallel()
	s := newSampled()
	var load model.Load
	for range 135 {
		s.programs.Credit(miner(), s.process(), 1.5, false)
		s.programs.End(miner())
		load = s.publish()[miner()]
	}
	if !near(load.ConstantCores, 0.3) || load.ConstantSpan < 10*time.Minute {
		t.Errorf("%+v", load)
	}
}

// TestContentBecomesKnown holds that what was counted by the path goes on under the content.
func TestContentBecomesKnown(t *testing.T) {
	t.Parallel()
	s := newSampled()
	unread := model.ProgramKey{Suspect: "path", UID: 1000}
	for range 10 {
		s.programs.Credit(unread, s.process(), 5, true)
		s.publish()
	}
	s.programs.Rename(unread, miner())
	s.programs.Rename(miner(), miner())
	var load model.Load
	for range 3 {
		s.programs.Credit(miner(), s.process(), 5, true)
		load = s.publish()[miner()]
	}
	if !near(load.Cores, 1) || load.Span < 55*time.Second {
		t.Errorf("%+v", load)
	}
	s.programs.Credit(unread, s.process(), 5, true)
	s.publish()
	s.programs.Rename(unread, miner())
	if after := s.programs.all[miner()].seconds; after != 65 || s.programs.all[unread] != nil {
		t.Errorf("%v s", after)
	}
}

// TestFloodOfPrograms holds that programs that are new each time push out no busy one.
func TestFloodOfPrograms(t *testing.T) {
	t.Parallel()
	s := newSampled()
	var loads map[model.ProgramKey]model.Load
	for sample := range 14 {
		s.programs.Credit(miner(), s.process(), 4, true)
		for i := range 2 * maxPrograms {
			key := model.ProgramKey{Suspect: fmt.Sprint(sample, "/", i)}
			s.programs.Credit(key, s.process(), 0.01, false)
		}
		loads = s.publish()
		if len(s.programs.all) > maxPrograms {
			t.Fatalf("%d programs", len(s.programs.all))
		}
	}
	if len(loads) != 1 || !near(loads[miner()].Cores, 0.8) {
		t.Errorf("%d loads, %+v", len(loads), loads[miner()])
	}
}
