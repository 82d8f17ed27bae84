package report

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestRenderedOnceForEachEvaluation: what it costs to answer does not grow with who asks.
func TestRenderedOnceForEachEvaluation(t *testing.T) {
	t.Parallel()
	rendered := 0
	c := newRendering(func(out *bytes.Buffer, _ Report) error {
		rendered++
		fmt.Fprint(out, rendered)
		return nil
	})
	expect := func(what string, r Report, want string) {
		t.Helper()
		body, err := c.of(r)
		if err != nil || string(body) != want {
			t.Errorf("%s: %q, %v, want %q", what, body, err, want)
		}
	}
	first, second := &model.Findings{}, &model.Findings{}
	var asked sync.WaitGroup
	for range 50 {
		asked.Go(func() { _, _ = c.of(Report{Findings: first, Now: noon()}) })
	}
	asked.Wait()
	expect("asked again", Report{Findings: first, Now: noon().Add(renderingAge - 1)}, "1")
	expect("a new evaluation", Report{Findings: second, Now: noon().Add(renderingAge - 1)}, "2")
	expect("the same for long", Report{Findings: second, Now: noon().Add(2 * renderingAge)}, "3")
	expect("the clock was set back", Report{Findings: second, Now: noon()}, "4")

	c.took = time.Second // as where somebody makes thousands of files
	expect("a new evaluation soon after an expensive rendering", Report{Findings: first, Now: noon().Add(renderingAge - 1)}, "4")
	expect("the same findings, soon after", Report{Findings: second, Now: noon().Add(2 * renderingAge)}, "4")
	expect("later", Report{Findings: first, Now: noon().Add(renderingShare * time.Second)}, "5")
	c.took = time.Hour
	expect("however long it takes", Report{Findings: second, Now: noon().Add(renderingShare*time.Second + renderingMost)}, "6")
	c.took = 0
	expect("before the first sample", Report{Now: noon().Add(time.Hour)}, "7")
	expect("before the first sample, again", Report{Now: noon().Add(time.Hour + time.Second)}, "8")
}

func TestErrorOfRendering(t *testing.T) {
	t.Parallel()
	fail := errors.New("no")
	c := newRendering(func(*bytes.Buffer, Report) error { return fail })
	if _, err := c.of(Report{Now: noon()}); !errors.Is(err, fail) {
		t.Errorf("error %v", err)
	}
}
