package files

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestQuota: who fills a directory pushes out neither what is worse nor what belongs to
// others, and every file counts.
func TestQuota(t *testing.T) {
	t.Parallel()
	set := newFound(Quota{All: 12, System: 6, User: 4, Directory: 8})
	tmp, other := &directory{watched: &watched{name: "/tmp"}}, &directory{watched: &watched{name: "/dev/shm"}}
	add := func(d *directory, uid uint32, reason model.FileReason, n int) (taken int) {
		for i := range n {
			c := &candidate{
				directory: d, name: fmt.Sprint(uid, reason, i), uid: uid, key: hostfs.ContentKey{Inode: uint64(len(set.ids))},
				running: reason == model.FileRunning, minerName: reason == model.FileKnownMiner, knownMiner: reason == model.FileKnownMiner, program: reason == model.FileELF,
			}
			if reason == model.FileHidden {
				c.name = "." + c.name
			}
			c.setReason()
			if set.add(c) {
				taken++
			}
		}
		return taken
	}
	for _, step := range []struct {
		what   string
		d      *directory
		uid    uint32
		reason model.FileReason
		n      int
		taken  int
		want   int // remembered in all
	}{
		{"a user fills /tmp", tmp, 1000, model.FileELF, 100, 4, 4},
		{"his worse files take the places of others of his", tmp, 1000, model.FileHidden, 100, 4, 4},
		{"root has more room, as far as the directory has", tmp, 0, model.FileScript, 100, 4, 8},
		{"a full directory takes what is worse", tmp, 1001, model.FileELF, 2, 2, 8},
		{"another directory has room", other, 1002, model.FileScript, 10, 4, 12},
		{"all is full: only what is worse gets in", other, 1003, model.FileScript, 10, 0, 12},
		{"a miner does", other, 1003, model.FileKnownMiner, 1, 1, 12},
		{"and what runs", tmp, 1000, model.FileRunning, 1, 1, 12},
	} {
		if taken := add(step.d, step.uid, step.reason, step.n); taken != step.taken || len(set.files) != step.want {
			t.Errorf("%s: %d taken, %d remembered, want %d and %d", step.what, taken, len(set.files), step.taken, step.want)
		}
	}
	want := tally{0: 1, 1: 1, 2: 3, 3: 2, 4: 5}
	if diff := cmp.Diff(want, set.all); diff != "" {
		t.Error(diff)
	}
	displaced := tally{2: 1, 3: 4, 4: 3}
	if sum := tmp.omitted.sum() + other.omitted.sum(); sum != displaced.sum() {
		t.Errorf("%d were displaced, want %d: %v %v", sum, displaced.sum(), tmp.omitted, other.omitted)
	}
	for len(set.files) > 0 {
		set.remove(set.files[len(set.files)/2])
	}
	if set.all.sum()+len(set.ids)+len(set.owners)+len(set.directories)+len(tmp.files)+len(other.files) != 0 {
		t.Errorf("something is left: %+v", set)
	}
}

// TestFloodIsCounted: thousands of hidden programs take no memory, count, and neither keep
// the file of a known miner out nor one whose content tells it.
func TestFloodIsCounted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{Quota: Quota{All: 50, System: 40, User: 20, Directory: 30}})
	for i := range 500 {
		f.must(os.WriteFile(f.path(fmt.Sprintf("/tmp/.%d", i)), []byte(elfFile(executable, fmt.Sprint(i))), 0o755))
	}
	for i := range 200 {
		f.must(os.WriteFile(f.path(fmt.Sprintf("/tmp/a%d.sh", i)), []byte("#!/bin/sh\n"), 0o755))
	}
	for i := range 20 { // they are looked at after all that is hidden
		f.must(os.WriteFile(f.path(fmt.Sprintf("/tmp/z%d", i)), []byte(elfFile(executable, "mining.submit mining.notify --donate-level")), 0o755))
	}
	f.write("/tmp/kdevtmpfsi", elfFile(executable, "x"), 0o755)
	miners := func() (n int) {
		for _, file := range f.sensor.Snapshot().Files {
			if file.Reason == model.FileKnownMiner {
				n++
			}
		}
		return n
	}
	for range 200 { // each has a chance of one in three
		if f.complete(); miners() == 21 {
			break
		}
	}
	f.complete()
	if n := len(f.sensor.found.files); n != 30 {
		t.Errorf("%d remembered", n)
	}
	if n := miners(); n != 21 {
		t.Errorf("%d known miners in detail, want all 21", n)
	}
	for reason, want := range map[model.FileReason]int{model.FileHidden: 500, model.FileScript: 200, model.FileKnownMiner: 21, model.FileELF: 0} {
		if got := f.count("/tmp", reason); got != want {
			t.Errorf("%d for %s, want %d", got, reason, want)
		}
	}
	if n := len(f.sensor.unremembered.files); n > maxSampled {
		t.Errorf("%d kept for their content", n)
	}
	// The flood ends: nothing of it is left.
	f.must(os.RemoveAll(f.path("/tmp")))
	f.must(os.Mkdir(f.path("/tmp"), 0o755))
	f.write("/tmp/.1", elfFile(executable, "x"), 0o755)
	f.complete() // the new directory may have the inode of the old one, whose files still take the room
	if got := f.sample(); len(got) != 1 || f.count("/tmp", model.FileHidden) != 1 || f.count("/tmp", model.FileScript) != 0 {
		t.Errorf("%v", got)
	}
}

func TestSamplingIsBounded(t *testing.T) {
	t.Parallel()
	var s sampling
	for range 100_000 {
		s.offer(&candidate{})
	}
	if len(s.files) != maxSampled {
		t.Errorf("%d", len(s.files))
	}
	for s.take() != nil {
	}
	if s.offered != 0 {
		t.Errorf("%d", s.offered)
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := budget{share: 0.01, burst: time.Second}
	b.refill(now)
	if b.spent() || b.wait(time.Second) != 0 {
		t.Errorf("nothing at the start: %+v", b)
	}
	b.spend(1500 * time.Millisecond)
	if !b.spent() || b.wait(0).Round(time.Second) != 50*time.Second || b.wait(2*time.Second).Round(time.Second) != 150*time.Second {
		t.Errorf("%+v, wait %s and %s", b, b.wait(0), b.wait(2*time.Second))
	}
	b.refill(now.Add(time.Minute))
	if b.left != 100*time.Millisecond {
		t.Errorf("%+v after a minute", b)
	}
	b.refill(now.Add(time.Hour))
	if b.left != time.Second {
		t.Errorf("%+v after an hour", b)
	}
	b.refill(now) // a clock that goes back
	if b.left != time.Second {
		t.Errorf("%+v", b)
	}
}
