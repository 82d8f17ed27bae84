package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func newWatch(t *testing.T, out *bytes.Buffer) *Monitor {
	t.Helper()
	loaded, err := config.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Config: func() *config.Config { return loaded }, Observe: func(string, time.Duration) {}, Logger: log.NewLogfmtLogger(out),
	})
}

// TestFailingSensor: an error and a panic are told once each, the sensor goes
// on, and its recovery is told.
func TestFailingSensor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		w := newWatch(t, &out)
		ctx, stop := context.WithCancel(t.Context())
		calls := 0
		sample := func(time.Time) error {
			calls++
			switch {
			case calls <= 3:
				return errors.New("no procfs")
			case calls <= 5:
				panic("boom")
			case calls == 8:
				stop()
			}
			return nil
		}
		w.loop(ctx, SensorFiles, nil, sample, func() time.Duration { return time.Minute })
		if calls != 8 {
			t.Errorf("%d samples, want 8", calls)
		}
		for text, want := range map[string]int{"no procfs": 1, "boom": 1, "works again": 1} {
			if got := strings.Count(out.String(), text); got != want {
				t.Errorf("%q was logged %d times, want %d:\n%s", text, got, want, &out)
			}
		}
	})
}

func TestWakeUpSamplesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t, &bytes.Buffer{})
		ctx, stop := context.WithCancel(t.Context())
		changed := make(chan struct{}, 1)
		began, calls := time.Now(), 0
		w.loop(ctx, SensorFiles, changed, func(time.Time) error {
			if calls++; calls == 2 {
				stop()
			}
			return nil
		}, func() time.Duration { wake(changed); wake(changed); return time.Hour })
		if took := time.Since(began); took != 0 || calls != 2 {
			t.Errorf("%d samples in %s, want 2 at once", calls, took)
		}
	})
}

func TestStartedOrEnded(t *testing.T) {
	t.Parallel()
	file := func(id uint64, reason model.FileReason) model.File {
		return model.File{ID: model.FileID{Dev: 1, Inode: id}, Reason: reason}
	}
	running := &model.ProcessSnapshot{Processes: []model.Process{{}, {ExeFile: model.FileID{Dev: 1, Inode: 7}}}}
	for _, test := range []struct {
		name  string
		files *model.FileSnapshot
		want  bool
	}{
		{"no scan yet", nil, false},
		{"nothing lies there", &model.FileSnapshot{}, false},
		{"runs and is said to", &model.FileSnapshot{Files: []model.File{file(7, model.FileRunning), file(8, model.FileELF)}}, false},
		{"has started", &model.FileSnapshot{Files: []model.File{file(7, model.FileKnownMiner)}}, true},
		{"has ended", &model.FileSnapshot{Files: []model.File{file(8, model.FileRunning)}}, true},
	} {
		if got := startedOrEnded(test.files, running); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestLogOfFindings: what is new is told once, notes never, a flood in part.
func TestLogOfFindings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := newWatch(t, &out)
	findings := func(severity model.Severity, count int) *model.Findings {
		f := &model.Findings{}
		for i := range count {
			f.Active = append(f.Active, model.Finding{ID: fmt.Sprint("id", i), Severity: severity, Title: "title"})
		}
		return f
	}
	w.log(nil, findings(model.Info, 5))
	if out.Len() > 0 {
		t.Errorf("notes were logged:\n%s", &out)
	}
	flood := findings(model.Critical, 500)
	w.log(findings(model.Info, 5), flood)
	if lines := strings.Count(out.String(), "\n"); lines != loggedFindings+1 || !strings.Contains(out.String(), "more findings") {
		t.Errorf("%d lines of 500 findings", lines)
	}
	out.Reset()
	w.log(flood, flood)
	if out.Len() > 0 {
		t.Errorf("what is known was logged again:\n%s", &out)
	}
	w.log(flood, findings(model.Info, 0))
	if ends := strings.Count(out.String(), "finding ended"); ends != loggedFindings {
		t.Errorf("%d ends of 500 were logged, want %d", ends, loggedFindings)
	}
}

func TestBlind(t *testing.T) {
	t.Parallel()
	got := Blind(map[string]model.Meta{
		SensorProcess: {Visibility: map[model.Aspect]model.Share{model.AspectExe: {Readable: 3, Total: 5}, model.AspectStat: {Readable: 5, Total: 5}}},
		SensorSockets: {Visibility: map[model.Aspect]model.Share{model.AspectFd: {Readable: 0, Total: 5}}},
	})
	if len(got) != 2 || !strings.HasPrefix(got[0], "2 of 5 processes hide which program they run.") || !strings.HasPrefix(got[1], "5 of 5 processes hide which sockets") {
		t.Errorf("%q", got)
	}
	if got := Blind(nil); len(got) != 0 {
		t.Errorf("blind without a sensor: %q", got)
	}
}
