package self

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestBetween(t *testing.T) {
	t.Parallel()
	before := reading{monotonic: time.Hour, boot: 2 * time.Hour, wall: 20_000 * time.Hour, waited: time.Minute}
	// after has all clocks go on for the same time, and change something.
	after := func(elapsed time.Duration, change func(*reading)) reading {
		r := reading{before.monotonic + elapsed, before.boot + elapsed, before.wall + elapsed, before.waited, before.throttled}
		change(&r)
		return r
	}
	none := func(*reading) {}
	for name, test := range map[string]struct {
		after reading
		want  []model.Gap
	}{
		"a tick":               {after(time.Second, none), nil},
		"a little late":        {after(2900*time.Millisecond, func(r *reading) { r.waited += time.Second }), nil},
		"stopped":              {after(11*time.Second, func(r *reading) { r.waited += 100 * time.Millisecond }), []model.Gap{{Reason: model.GapStopped, Length: 10 * time.Second}}},
		"starved":              {after(11*time.Second, func(r *reading) { r.waited += 9 * time.Second }), []model.Gap{{Reason: model.GapStarved, Length: 10 * time.Second}}},
		"held by its quota":    {after(11*time.Second, func(r *reading) { r.throttled += 9 * time.Second }), []model.Gap{{Reason: model.GapStarved, Length: 10 * time.Second}}},
		"asleep":               {after(time.Second, func(r *reading) { r.boot += time.Hour; r.wall += time.Hour }), []model.Gap{{Reason: model.GapSuspended, Length: time.Hour}}},
		"the clock forwards":   {after(time.Second, func(r *reading) { r.wall += time.Hour }), []model.Gap{{Reason: model.GapClock, Length: time.Hour}}},
		"the clock back":       {after(time.Second, func(r *reading) { r.wall -= time.Hour }), []model.Gap{{Reason: model.GapClock, Length: -time.Hour}}},
		"the clock is slewed":  {after(time.Second, func(r *reading) { r.wall += time.Second }), nil},
		"stopped, clock set":   {after(5*time.Second, func(r *reading) { r.wall -= time.Minute }), []model.Gap{{Reason: model.GapStopped, Length: 4 * time.Second}, {Reason: model.GapClock, Length: -time.Minute}}},
		"stopped while asleep": {after(4*time.Second, func(r *reading) { r.boot += time.Minute; r.wall += time.Minute }), []model.Gap{{Reason: model.GapSuspended, Length: time.Minute}, {Reason: model.GapStopped, Length: 3 * time.Second}}},
	} {
		if diff := cmp.Diff(test.want, between(before, test.after)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestGapsAreBounded: whoever stops the exporter again and again gets no long log, and no
// memory; each time counts.
func TestGapsAreBounded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	g := newGaps(log.NewLogfmtLogger(&out))
	now := time.Unix(1_764_000_000, 0)
	for range 100 {
		now = now.Add(5 * time.Second)
		g.add(model.Gap{Reason: model.GapStopped, Length: 3 * time.Second, End: now, Signal: true})
	}
	g.add(model.Gap{Reason: model.GapClock, Length: -time.Hour, End: now})
	counts, last := g.snapshot(now)
	if want := map[model.GapReason]uint64{model.GapStopped: 100, model.GapStarved: 0, model.GapSuspended: 0, model.GapClock: 1}; !cmp.Equal(want, counts) || len(last) != maxGaps {
		t.Errorf("%v, %d kept", counts, len(last))
	}
	if lines := strings.Count(out.String(), "\n"); lines != 2 || !strings.Contains(out.String(), "by_signal=true") {
		t.Errorf("%d lines: %s", lines, out.String())
	}
	if _, last := g.snapshot(now.Add(2 * time.Hour)); len(last) != 0 {
		t.Errorf("after two hours: %v", last)
	}
}

func TestThrottledTime(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for content, want := range map[string]time.Duration{
		"usage_usec 5\nnr_throttled 2\nthrottled_usec 3000000\n":      3 * time.Second,
		"nr_periods 10\nnr_throttled 10\nthrottled_time 9793900975\n": 9793900975,
		"usage_usec 5\n": -1, "throttled_usec x\n": -1, "": -1,
	} {
		h.write(content, "cpu.stat")
		if got := throttledTime(h.proc + "/cpu.stat"); got != want {
			t.Errorf("%q: %s", content, got)
		}
	}
	if got := throttledTime(h.proc + "/none"); got != -1 {
		t.Error(got)
	}
}

// TestWatch: it ends with the context at once, and calls no ordinary second a gap.
func TestWatch(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ctx, stop := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer stop()
	if err := h.sensor.Watch(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	counts, _ := h.sensor.gaps.snapshot(time.Now())
	if counts[model.GapSuspended] != 0 || counts[model.GapClock] != 0 {
		t.Errorf("%v", counts)
	}
	if h.sensor.hasTerminal() {
		t.Error("tty_nr is 0")
	}
	h.write("812 (a (b) S 1 812 812 34816 -1\n", "self", "stat")
	if !h.sensor.hasTerminal() {
		t.Error("tty_nr is 34816")
	}
}
