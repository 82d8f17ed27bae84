package detect

import (
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

// TestFirstSight: what a program shows in its first moment, and how much it is to be looked at for that.
func TestFirstSight(t *testing.T) {
	t.Parallel()
	server := process(700, func(p *model.Process) { p.Exe = "/opt/flink/bin/java" })
	seenByEvent := func(p *model.Process) {
		p.Parent = &model.Ancestor{Identity: model.Identity{PID: 701}, Parent: &model.Ancestor{Identity: model.Identity{PID: 700, StartTime: server.StartTime + 20}}}
	}
	brought := func(p *model.Process) {
		p.Parent = &model.Ancestor{Origin: model.OriginSystem, Parent: &model.Ancestor{Exe: "/var/tmp/w", Origin: model.OriginTemp}}
	}
	otherOfThatPID := func(p *model.Process) {
		p.Parent = &model.Ancestor{Identity: model.Identity{PID: 700, StartTime: server.StartTime + 20_000}}
	}
	settings := &policy.Policy{Hashes: map[string]bool{"bad": true}}
	sight := NewFirstSight(
		func() *policy.Policy { return settings },
		func() []model.Exposure {
			return []model.Exposure{{App: "flink", Socket: model.Socket{Owner: server.Identity}}}
		},
	)
	for name, test := range map[string]struct {
		change func(*model.Process)
		want   model.Interest
	}{
		"a program of the system":              {nil, model.InterestNone},
		"a compiler's trial":                   {inTemp("/tmp/cc1234/conftest"), model.InterestPlace},
		"a miner's name":                       {inTemp("/tmp/kdevtmpfsi"), model.InterestKnown},
		"a miner's name, installed":            {func(p *model.Process) { p.Exe, p.Origin = "/usr/bin/xmrig", model.OriginSystem }, model.InterestKnown},
		"a miner's arguments":                  {func(p *model.Process) { p.Argv = []string{"worker", "-o", "stratum+tcp://pool:3333"} }, model.InterestKnown},
		"a miner's arguments, searched for":    {func(p *model.Process) { p.Exe, p.Argv = "/usr/bin/grep", []string{"grep", "stratum+tcp://"} }, model.InterestNone},
		"a known content":                      {func(p *model.Process) { p.SHA256 = "bad" }, model.InterestKnown},
		"a kernel thread's name":               {func(p *model.Process) { p.Exe, p.Origin, p.Comm = "/opt/x/kworker", model.OriginLocal, "kworker" }, model.InterestSign},
		"a kernel thread's name in temp":       {inTemp("/var/tmp/kswapd0"), model.InterestKnown},
		"in memory":                            {func(p *model.Process) { p.Exe, p.Origin = "/memfd:x", model.OriginMemfd }, model.InterestPlace},
		"what a guardian brings":               {all(inTemp("/tmp/x"), brought), model.InterestSign},
		"a shell of a guardian":                {brought, model.InterestNone},
		"a shell below an exposed service":     {seenByEvent, model.InterestEntry},
		"a program in temp below it":           {all(inTemp("/tmp/x"), seenByEvent), model.InterestSign},
		"a shell below another of that number": {otherOfThatPID, model.InterestNone},
	} {
		if got := sight.Interest(process(10, test.change)); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// TestJustBegun: a place alone says nothing of a program that has only begun; more evidence does at once.
func TestJustBegun(t *testing.T) {
	t.Parallel()
	began := func(ago time.Duration) func(*model.Process) {
		return func(p *model.Process) { p.Started = noon.Add(-ago) }
	}
	for name, test := range map[string]struct {
		p    *model.Process
		want model.Severity
	}{
		"a compiler's trial":   {process(10, all(inTemp("/tmp/cc1234/conftest"), began(30*time.Millisecond))), ""},
		"it goes on":           {process(10, all(inTemp("/tmp/cc1234/conftest"), began(time.Second))), model.Warning},
		"a miner's name":       {process(10, all(inTemp("/tmp/kdevtmpfsi"), began(30*time.Millisecond))), model.Critical},
		"a disguise":           {process(10, all(inTemp("/tmp/kswapd0"), began(30*time.Millisecond))), model.Critical},
		"the clock was set":    {process(10, all(inTemp("/tmp/x"), began(-time.Hour))), ""},
		"in a moment of a day": {process(10, all(inTemp("/tmp/x"), began(24*time.Hour))), model.Warning},
	} {
		var got model.Severity
		for _, finding := range evaluate(t, snapshotOf(test.p), policy.Policy{}) {
			got = finding.Severity
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestFirstSightFollowsThePolicy: a new configuration counts from the next program on.
func TestFirstSightFollowsThePolicy(t *testing.T) {
	t.Parallel()
	settings := &policy.Policy{}
	sight := NewFirstSight(func() *policy.Policy { return settings }, func() []model.Exposure { return nil })
	p := process(10, func(p *model.Process) { p.SHA256 = "bad" })
	if got := sight.Interest(p); got != model.InterestNone {
		t.Errorf("before: %v", got)
	}
	settings = &policy.Policy{Hashes: map[string]bool{"bad": true}}
	if got := sight.Interest(p); got != model.InterestKnown {
		t.Errorf("after: %v", got)
	}
}

func BenchmarkFirstSight(b *testing.B) {
	settings := &policy.Policy{}
	sight := NewFirstSight(func() *policy.Policy { return settings }, func() []model.Exposure { return nil })
	p := process(10, func(p *model.Process) {
		p.Exe, p.Comm, p.Argv = "/usr/bin/gcc", "gcc", []string{"gcc", "-O2", "-c", "x.c"}
	})
	b.ReportAllocs()
	for b.Loop() {
		sight.Interest(p)
	}
}
