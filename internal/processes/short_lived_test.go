package processes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestShortLived: a miner that lives for 0.2 s every 10 s is known by its name, arguments and count, though no sample
// has ever seen it; what nobody asked to look at is not kept.
func TestShortLived(t *testing.T) {
	t.Parallel()
	w := newWatched(t, byName)
	at, pid := 100.0, 500
	var last *model.ProcessSnapshot
	for range 3 {
		w.clock.at = after(at + 1)
		w.run(50, pid, "/tmp/miner", "miner", "-o", "stratum")
		w.run(50, pid+1, "/usr/bin/sleep", "sleep", "10")
		w.clock.pass(200 * time.Millisecond)
		w.end(pid)
		w.end(pid + 1)
		last = sampleAt(t, w.Sensor, at+5)
		at, pid = at+10, pid+10
	}
	if len(last.ShortLived) != 1 {
		t.Fatalf("got %+v, want the miner alone", last.ShortLived)
	}
	got := last.ShortLived[0]
	if p := got.Last; got.Count != 3 || got.Span != 20*time.Second || p.Exe != "/tmp/miner" || p.UID != 33 || len(p.Argv) != 3 || p.Parent == nil || p.Parent.PID != 50 {
		t.Errorf("got %+v of %+v", got, got.Last)
	}
	if again := sampleAt(t, w.Sensor, at+10); len(again.ShortLived) != 0 {
		t.Errorf("it is still shown long after the last has ended: %+v", again.ShortLived)
	}
}

// TestContentIsReadAtOnce: a program that deletes its file as it begins, and ends before any sample, is known by what
// it was; its content alone is cause for a look.
func TestContentIsReadAtOnce(t *testing.T) {
	t.Parallel()
	exe := program(t, "dropped", "a miner without a name")
	w := newWatched(t, func(p *model.Process) model.Interest {
		switch {
		case p.SHA256 != "":
			return model.InterestKnown
		case strings.HasSuffix(p.Exe, "dropped"):
			return model.InterestPlace
		}
		return model.InterestNone
	})
	w.clock.pass(time.Second)
	w.run(50, 500, exe)
	waitFor(t, func() bool { return len(w.Wake()) == 1 })
	if err := os.Remove(exe); err != nil {
		t.Fatal(err)
	}
	w.end(500)
	last := sampleAt(t, w.Sensor, 105)
	if len(last.ShortLived) != 1 || last.ShortLived[0].Last.SHA256 == "" {
		t.Errorf("got %+v", last.ShortLived)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Context().Err() != nil {
			t.Fatal("it does not come")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestStormLeavesTheRest: a storm of programs from a temporary directory, each another one, pushes out neither what is
// of more interest nor more than its like, and the table stays bounded.
func TestStormLeavesTheRest(t *testing.T) {
	t.Parallel()
	s := shortLived{map[shortKey]*brief{}}
	ended := func(exe string, interest model.Interest, second float64) {
		s.add(&model.Process{Exe: exe, Comm: filepath.Base(exe)}, hostfs.ContentKey{Inode: 7}, interest, after(second))
	}
	ended("/tmp/kdevtmpfsi", model.InterestKnown, 0)
	ended("/tmp/comes-again", model.InterestPlace, 0)
	ended("/tmp/comes-again", model.InterestPlace, 1)
	for i := range 10_000 {
		ended(fmt.Sprintf("/tmp/random%d", i), model.InterestPlace, 2)
	}
	found := map[string]int{}
	for _, short := range s.publish(after(3)) {
		found[short.Last.Exe] = short.Count
	}
	if len(found) != maxShortLived || found["/tmp/kdevtmpfsi"] != 1 || found["/tmp/comes-again"] != 2 {
		t.Errorf("%d programs, %d of the miner, %d of what came again", len(found), found["/tmp/kdevtmpfsi"], found["/tmp/comes-again"])
	}
	for i := range maxShortLived {
		ended(fmt.Sprintf("/tmp/xmrig%d", i), model.InterestKnown, 4)
	}
	ended("/tmp/another", model.InterestPlace, 5)
	if got := s.publish(after(5)); len(got) != maxShortLived {
		t.Errorf("%d programs are shown", len(got))
	}
	for _, short := range s.publish(after(5)) {
		if short.Last.Exe == "/tmp/another" {
			t.Error("what is of less interest has taken the place of a miner")
		}
	}
	if s.publish(after(4 + shortLivedMemory.Seconds() + 1)); len(s.programs) != 0 {
		t.Errorf("%d programs are never forgotten", len(s.programs))
	}
}

// TestTrialsAreNotOne: programs of one path that were not read are as many as there were files.
func TestTrialsAreNotOne(t *testing.T) {
	t.Parallel()
	s := shortLived{map[shortKey]*brief{}}
	for i := range 10 {
		trial := model.Process{Exe: "/tmp/x/conftest", Comm: "conftest"}
		s.add(&trial, hostfs.ContentKey{Inode: 7, Size: int64(i)}, model.InterestPlace, after(float64(i)))
		s.add(&model.Process{Exe: "/tmp/x/same", Comm: "same"}, hostfs.ContentKey{Inode: 8}, model.InterestPlace, after(float64(i)))
	}
	for _, short := range s.publish(after(9)) {
		if want := map[string]int{"conftest": 1, "same": 10}[short.Last.Comm]; short.Count != want {
			t.Errorf("%s is counted %d times, want %d", short.Last.Exe, short.Count, want)
		}
	}
}
