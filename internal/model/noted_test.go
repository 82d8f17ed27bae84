package model

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNoted holds that each process is looked at once for as long as it is the same, and that
// what is kept is what a look at all of them would say.
func TestNoted(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(17, 3))
	var noted Noted[string]
	looked := map[*Process]int{}
	look := func(p *Process) (string, bool) {
		looked[p]++
		return p.Comm, p.Threads > 0
	}
	living := map[int]*Process{}
	for step := range 500 {
		for range random.IntN(6) {
			pid := 1 + random.IntN(40)
			if random.IntN(3) == 0 {
				delete(living, pid)
			} else {
				living[pid] = &Process{Identity: Identity{PID: pid}, Comm: string(rune('a' + random.IntN(26))), Threads: random.IntN(2)}
			}
		}
		if step%100 == 99 {
			clear(living)
		}
		var processes []*Process
		var want []Note[string]
		for pid := range 41 {
			if p := living[pid]; p != nil {
				processes = append(processes, p)
				if p.Threads > 0 {
					want = append(want, Note[string]{p, p.Comm})
				}
			}
		}
		for range 1 + random.IntN(2) {
			if got := noted.Update(processes, look); !slices.Equal(got, want) {
				t.Fatalf("step %d: %v, want %v", step, got, want)
			}
		}
	}
	for p, times := range looked {
		if times != 1 {
			t.Errorf("pid %d was looked at %d times", p.PID, times)
		}
	}
}

// BenchmarkNoted is a sample of 30,000 processes without news.
func BenchmarkNoted(b *testing.B) {
	var samples [2][]*Process
	for i := range 30_000 {
		p := &Process{Identity: Identity{PID: i + 1}, Threads: i % 5000}
		samples[0], samples[1] = append(samples[0], p), append(samples[1], p)
	}
	var noted Noted[bool]
	look := func(p *Process) (bool, bool) { return true, p.Threads == 7 }
	b.ReportAllocs()
	for at := 0; b.Loop(); at = 1 - at {
		noted.Update(samples[at], look)
	}
}
