// Package findingslog writes what happens to findings where collectors of events read it: as JSON lines into a file or to
// standard output, or as fields into the journal. It never holds up whoever tells it, and what it cannot write is counted.
package findingslog

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/ecs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	queueLength = 1024
	// Whoever makes findings without end would fill the disk else: a line has some 6 kB. So many lines may be written at
	// once, of critical findings and of others each, and one more in each of these times: some 300 MB a day, if it goes on all day.
	burst         = 2048
	criticalEvery = 2 * time.Second
	otherEvery    = 10 * time.Second
	// settled is how long nothing may be lost before it is said that all is well again.
	settled = time.Minute
)

// sink is where documents go. It is used by one goroutine, but for what it is closed by.
type sink interface {
	write(event *events.Event, document ecs.Document, line []byte) error
	reopen() error // after a rotation; whatever it has open stays so if it fails
	String() string
}

// Log takes events from one goroutine and writes them in another.
type Log struct {
	sink     sink
	document func(*events.Event) ecs.Document
	now      func() time.Time
	logger   log.Logger

	queue  chan events.Event
	rotate chan struct{}
	lost   atomic.Uint64

	critical, others allowance
	failing          string
	failed           uint64 // lost since it fails
	lastFailed       time.Time
}

// New returns a log that has not begun. The function makes the document of an event; it is called while Run runs.
func New(s Sink, document func(*events.Event) ecs.Document, logger log.Logger) *Log {
	return &Log{
		sink: s.sink, document: document, now: time.Now, logger: log.With(logger, "to", s.sink.String()),
		queue: make(chan events.Event, queueLength), rotate: make(chan struct{}, 1), critical: allowance{every: criticalEvery, tokens: burst}, others: allowance{every: otherEvery, tokens: burst},
	}
}

// Lost counts the events that were not written: because of an error, or because there were too many.
func (l *Log) Lost() uint64 {
	if l == nil {
		return 0
	}
	return l.lost.Load()
}

// Offer takes events over, or counts them as lost where too many wait. It may be asked of nil.
func (l *Log) Offer(happened []events.Event) {
	if l == nil {
		return
	}
	for i := range happened {
		select {
		case l.queue <- happened[i]:
		default:
			l.lost.Add(1)
		}
	}
}

// Reopen has the file opened anew, as it must be when another program has renamed it. It may be asked of nil.
func (l *Log) Reopen() {
	if l == nil {
		return
	}
	select {
	case l.rotate <- struct{}{}:
	default: // it will be
	}
}

// Run writes until the context ends, and then what waits.
func (l *Log) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			for {
				select {
				case event := <-l.queue:
					l.write(&event)
				default:
					return nil
				}
			}
		case <-l.rotate:
			if err := l.sink.reopen(); err != nil {
				level.Error(l.logger).Log("msg", "the log of findings cannot be opened anew, and goes on where it was", "err", err)
			}
		case event := <-l.queue:
			l.write(&event)
		}
	}
}

func (l *Log) write(event *events.Event) {
	allowed := &l.others
	if event.Finding.Severity == model.Critical || event.Before == model.Critical {
		allowed = &l.critical
	}
	if !allowed.take(l.now()) {
		l.fail(fmt.Errorf("more than %d events came faster than one in %s", burst, allowed.every))
		return
	}
	document := l.document(event)
	line, err := json.Marshal(document)
	if err == nil {
		err = l.sink.write(event, document, append(line, '\n'))
	}
	if err != nil {
		l.fail(err)
		return
	}
	if l.failing != "" && l.now().Sub(l.lastFailed) >= settled {
		level.Info(l.logger).Log("msg", "findings are written again", "lost", l.failed)
		l.failing, l.failed = "", 0
	}
}

// fail counts, and says it once for as long as the reason is the same.
func (l *Log) fail(err error) {
	l.lost.Add(1)
	l.failed++
	l.lastFailed = l.now()
	if err.Error() != l.failing {
		l.failing = err.Error()
		level.Error(l.logger).Log("msg", "findings are not written, only counted in cryptojack_findings_log_lost_total", "err", err)
	}
}

// allowance is how many lines may be written.
type allowance struct {
	every   time.Duration
	tokens  float64
	counted time.Time // when tokens was counted
}

// take takes one of the lines that may be written, if there is one.
func (a *allowance) take(now time.Time) bool {
	if !a.counted.IsZero() {
		a.tokens = min(burst, a.tokens+max(0, now.Sub(a.counted).Seconds())/a.every.Seconds())
	}
	a.counted = now
	if a.tokens < 1 {
		return false
	}
	a.tokens--
	return true
}
