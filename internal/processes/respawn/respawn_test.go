package respawn

import (
	"fmt"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func at(seconds int) time.Time { return time.Unix(1_700_000_000+int64(seconds), 0) }

func guardian() *model.Ancestor {
	return &model.Ancestor{Identity: model.Identity{PID: 5, StartTime: 1}, Origin: model.OriginTemp}
}

func miner(pid int) *model.Process {
	return &model.Process{Identity: model.Identity{PID: pid}, Exe: "/tmp/x/miner", Origin: model.OriginTemp, Parent: guardian()}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	h := New(5 * time.Minute)
	var first, second, third Instance
	if h.Start(&first, "key", miner(10), at(0), true) || !first.Recorded() {
		t.Error("the first instance is a respawn")
	}
	h.End(&first, Ending{At: at(100), Known: true, Status: 9})
	if first.Recorded() {
		t.Error("an instance outlives its end")
	}
	if !h.Start(&second, "key", miner(11), at(103), true) {
		t.Error("a start 3 s after the end is no respawn")
	}
	if h.Start(&third, "key", miner(12), at(104), true) {
		t.Error("one end explains two starts")
	}
	// Another program in the same process is no end.
	h.Leave(&third)
	h.Leave(&second)
	if h.Start(&second, "key", miner(13), at(110), true) {
		t.Error("an exec counts as an end")
	}
	respawns := h.Snapshot()
	got := respawns["key"]
	if got.Count != 1 || got.Killed != 1 || got.LastGap != 3*time.Second || len(got.Starters) != 1 || got.Starters[0].Count != 4 {
		t.Errorf("%+v", got)
	}
	if got := respawns[model.PolymorphicKey(guardian().Identity, "/tmp/x")]; got.Count != 1 {
		t.Errorf("whatever the content: %+v", got)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for start, want := range map[int]bool{98: false, 99: true, 400: true, 401: false} {
		h := New(5 * time.Minute)
		var i Instance
		h.Start(&i, "key", miner(10), at(0), false)
		h.End(&i, Ending{At: at(100)})
		if got := h.Start(&i, "key", miner(11), at(start), true); got != want {
			t.Errorf("ended at 100 s, started at %d s: a respawn is %v", start, got)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	h := New(5 * time.Minute)
	for n := range maxPrograms + 100 {
		var i Instance
		h.Start(&i, fmt.Sprint("key", n), &model.Process{Origin: model.OriginHome}, at(0), true)
		h.End(&i, Ending{At: at(1)})
	}
	if len(h.programs) > maxPrograms {
		t.Errorf("%d programs are kept", len(h.programs))
	}
	h.Prune(at(400))
	if len(h.programs) != 0 {
		t.Errorf("%d programs are kept after the window", len(h.programs))
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	for origin, want := range map[model.Origin]string{
		model.OriginSystem: "/exe", model.OriginLocal: "/exe", model.OriginTemp: "sum", model.OriginHome: "sum", model.OriginKernel: "",
	} {
		if got := Key(origin, "/exe", "sum"); got != want {
			t.Errorf("%s: %q", origin, got)
		}
	}
}
