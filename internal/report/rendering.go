package report

import (
	"bytes"
	"sync"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// renderingAge is how long the same findings are shown as they were rendered: ages and
	// sensors that are overdue change without them.
	renderingAge = 5 * time.Second
	// renderingShare is how many times as long as the last rendering took the next one waits,
	// so that rendering takes a twentieth of a core at most, whoever asks how often. What others
	// make may fill a report.
	renderingShare = 20
	renderingMost  = time.Minute // that a report may be old
)

// rendering is a report for one audience as it was last rendered. It is rendered when
// somebody asks after a new evaluation, and not for each request. One goroutine renders,
// and the others wait for what it makes.
type rendering struct {
	render func(*bytes.Buffer, Report) error

	mu       sync.Mutex
	findings *model.Findings // that were rendered
	at       time.Time
	took     time.Duration
	body     []byte
	err      error
}

func newRendering(render func(*bytes.Buffer, Report) error) *rendering {
	return &rendering{render: render}
}

// of returns a report as bytes, which nobody may change. They may be as old as
// renderingAge, or as renderingMost where rendering takes long.
func (c *rendering) of(r Report) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stays(&r) {
		return c.body, c.err
	}
	began := time.Now()
	var out bytes.Buffer
	if c.err = c.render(&out, r); c.err == nil {
		c.body = out.Bytes()
	}
	c.findings, c.at, c.took = r.Findings, r.Now, time.Since(began)
	return c.body, c.err
}

// stays tells whether what was rendered may be shown again at the time of a report.
func (c *rendering) stays(r *Report) bool {
	age := r.Now.Sub(c.at)
	switch {
	case c.at.IsZero() || age < 0:
		return false
	case age < min(renderingShare*c.took, renderingMost):
		return true
	default:
		return r.Findings != nil && r.Findings == c.findings && age < renderingAge
	}
}
