package cpu

import (
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func noon() time.Time { return time.Unix(1_700_000_000, 0) }

func ownerOf(name string) Owner {
	return Owner{
		Origin: model.OriginKey{Origin: model.OriginHome, Isolation: model.IsolationHost},
		Group:  model.GroupKey{Process: name, Origin: model.OriginHome, User: "u"},
	}
}

// TestBusyTimeIsShared: what is attributed and what is not make up the busy time, sample by sample.
func TestBusyTimeIsShared(t *testing.T) {
	t.Parallel()
	accounts, owner := New(), ownerOf("train")
	parent := NewProcess(noon(), noon(), 10, 0)
	now := noon()
	publish := func(waiting float64) *model.ProcessSnapshot {
		accounts.AddUnattributed(waiting)
		s := &model.ProcessSnapshot{Meta: model.Meta{Time: now}}
		accounts.Publish(s, 0, true)
		return s
	}
	check := func(what string, s *model.ProcessSnapshot, busy, attributed, unattributed float64) {
		t.Helper()
		if got := s.Origins[owner.Origin].CPUSeconds; s.BusySeconds != busy || got != attributed || s.Unattributed != unattributed {
			t.Errorf("%s: busy %v, attributed %v, unattributed %v; want %v, %v, %v",
				what, s.BusySeconds, got, s.Unattributed, busy, attributed, unattributed)
		}
	}
	accounts.Begin(1000)
	check("the first sample is where counting begins", publish(0), 0, 0, 0)

	accounts.Begin(1005)
	parent.Sample(13, 0)
	accounts.Credit(owner, parent.UsedNow())
	check("3 s of one process", publish(0), 5, 3, 2)

	accounts.Begin(1004)
	parent.Sample(12, 0)
	accounts.Credit(owner, parent.UsedNow())
	check("time steps back", publish(0), 5, 3, 2)

	// A child ends unseen: its time waits for a sample, as an account may come.
	accounts.Begin(1008)
	parent.Sample(13, 4)
	_, waiting := accounts.CreditChildren([]Owner{owner}, &parent, true)
	check("a child that waits", publish(waiting), 9, 3, 2)
	parent.EndRound()
	accounts.Begin(1008)
	parent.Sample(13, 4)
	check("a child whose account never came", publish(later(accounts.CreditChildren([]Owner{owner}, &parent, true))), 9, 7, 2)
	parent.EndRound()

	// Never more than has no owner.
	accounts.Begin(1009)
	parent.Sample(13, 50)
	check("more than there is", publish(later(accounts.CreditChildren([]Owner{owner}, &parent, false))), 10, 10, 2)
	accounts.Begin(1012)
	accounts.Claim(owner, 40)
	accounts.CreditClaims(true)
	check("an account after losses", publish(0), 13, 13, 2)
}

func TestProcess(t *testing.T) {
	t.Parallel()
	p := NewProcess(noon(), noon(), 4, 1)
	if p.UsedNow() != 0 || p.HasChildren() {
		t.Error("what was used before the first sample counts")
	}
	p.CountFromBirth()
	if p.UsedNow() != 4 || !p.HasChildren() {
		t.Error("what a young process used does not count")
	}
	p.Sample(6, 1)
	if unseen := p.Finish(9); unseen != 3 || p.Used() != 9 {
		t.Errorf("unseen %v of %v", unseen, p.Used())
	}
	if unseen := p.Finish(8); unseen != 0 || p.Used() != 9 {
		t.Errorf("an account that is short: unseen %v of %v", unseen, p.Used())
	}
	p.SampleZombie(9.5, 1)
	if p.UsedNow() != 0 || !p.HasChildren() {
		t.Error("the kernel's work at the end counts as the process' own")
	}
	p.SampleHidden(20)
	if p.UsedNow() != 0 || p.HasChildren() || p.Used() != 20 {
		t.Error("what a hidden process uses counts")
	}
	// Of a child that is gone, what was counted while it lived is taken off.
	parent, child := NewProcess(noon(), noon(), 0, 0), NewProcess(noon(), noon(), 3, 0)
	parent.Sample(0, 5)
	parent.WaitedFor(&child, false)
	accounts := New()
	accounts.Begin(0)
	accounts.Begin(100)
	accounts.CreditChildren([]Owner{ownerOf("x")}, &parent, false)
	s := &model.ProcessSnapshot{}
	accounts.Publish(s, 0, true)
	if got := s.Origins[ownerOf("x").Origin].CPUSeconds; got != 2 {
		t.Errorf("%v s of the child are credited, want 2", got)
	}
}

func later(_, waiting float64) float64 { return waiting }
