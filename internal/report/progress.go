package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress is one line of a terminal that is rewritten in place. One goroutine
// uses it at a time.
type Progress struct {
	w     io.Writer
	total time.Duration
	shown int // characters on the line
}

// NewProgress returns a line for a scan that takes total.
func NewProgress(w io.Writer, total time.Duration) *Progress {
	return &Progress{w: w, total: total}
}

// Show rewrites the line. What cannot be written is not missed.
func (p *Progress) Show(r Report) {
	processes := 0
	if r.Snapshot.Processes != nil {
		processes = len(r.Snapshot.Processes.Processes)
	}
	line := fmt.Sprintf("looking: %.0f of %.0f s, %s, %s", min(r.Watched, p.total).Truncate(time.Second).Seconds(), p.total.Seconds(),
		count(processes, "process", "processes"), count(len(r.suspects()), "suspect", "suspects"))
	fmt.Fprint(p.w, "\r"+line+strings.Repeat(" ", max(0, p.shown-len(line))))
	p.shown = max(p.shown, len(line))
}

// Clear empties the line and leaves the cursor at its start.
func (p *Progress) Clear() {
	if p.shown > 0 {
		fmt.Fprint(p.w, "\r"+strings.Repeat(" ", p.shown)+"\r")
	}
	p.shown = 0
}
