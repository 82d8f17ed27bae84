// Package notify posts critical findings to a webhook of the user's own, for those who have no Alertmanager. It never holds up
// whoever tells it of findings.
package notify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	maxWaiting = 64 // findings; what has no room is offered again at the next evaluation, and is not lost

	burst        = 30               // messages at once
	messageEvery = 10 * time.Second // after that; what comes meanwhile goes into one message

	firstPause = time.Second
	mostPause  = 5 * time.Minute
	giveUp     = time.Hour // after the first attempt
)

// item is a finding to tell of.
type item struct {
	finding model.Finding
	ended   bool
}

// Options are what a notifier is made of.
type Options struct {
	Webhook  func() *Webhook                        // of the configuration that is in force; nil if there is none
	Describe func(findings []model.Finding) Message // what is told of findings, without Ended and Page; called while Run runs
	Version  string
	Now      func() time.Time
	Pause    func(ctx context.Context, d time.Duration) // returns when d is over or the context has ended
	Logger   log.Logger
}

// Notifier takes findings from one goroutine and posts them in another.
type Notifier struct {
	options Options
	queue   chan item

	posted map[string]model.Finding // that were handed to queue and have not ended; of the goroutine that calls Judged

	allowed float64   // messages
	counted time.Time // when allowed was counted

	mu      sync.Mutex // guards what follows
	counts  map[model.NotificationResult]uint64
	failing string // why the last attempt failed; "" if it did not
	since   time.Time
}

// New returns a notifier that has not begun.
func New(o Options) *Notifier {
	n := &Notifier{options: o, queue: make(chan item, maxWaiting), posted: map[string]model.Finding{}, allowed: burst, counts: map[model.NotificationResult]uint64{}}
	for _, result := range model.NotificationResults() {
		n.counts[result] = 0
	}
	return n
}

// Counts tells how many messages were sent, how many attempts failed, and how many findings were given up, since the
// exporter started.
func (n *Notifier) Counts() map[model.NotificationResult]uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make(map[model.NotificationResult]uint64, len(n.counts))
	for result, count := range n.counts {
		out[result] = count
	}
	return out
}

// Trouble is a sentence for everybody while the webhook cannot be reached, or "". It does not tell the address.
func (n *Notifier) Trouble() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failing == "" {
		return ""
	}
	return fmt.Sprintf("Nobody is told of critical findings: what was posted to the webhook of `notify` has not arrived since %s. The exporter's log says why.",
		n.since.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// Judged takes the findings of an evaluation: those that are critical and of which was not told yet are posted, once. It waits
// for nobody. A finding counts as told from here on, and as new when it has ended and comes back.
func (n *Notifier) Judged(findings *model.Findings) {
	webhook := n.options.Webhook()
	if webhook == nil {
		clear(n.posted)
		return
	}
	active := make(map[string]bool, len(findings.Active))
	for i := range findings.Active {
		f := &findings.Active[i]
		active[f.ID] = true
		if f.Severity != model.Critical {
			continue
		}
		if _, ok := n.posted[f.ID]; !ok && n.offer(item{finding: *f}) {
			n.posted[f.ID] = *f
		}
	}
	for id, f := range n.posted {
		if !active[id] && (!webhook.Resolved || n.offer(item{finding: f, ended: true})) {
			delete(n.posted, id)
		}
	}
}

func (n *Notifier) offer(i item) bool {
	select {
	case n.queue <- i:
		return true
	default:
		return false
	}
}

// Run posts until the context ends.
func (n *Notifier) Run(ctx context.Context) error {
	for {
		var waiting []item
		select {
		case <-ctx.Done():
			return nil
		case first := <-n.queue:
			waiting = append(waiting, first)
		}
		n.awaitTurn(ctx)
		for len(waiting) > 0 && ctx.Err() == nil {
			waiting = n.deliver(ctx, n.absorb(waiting))
		}
	}
}

// absorb takes what has come meanwhile, so that one message tells of all.
func (n *Notifier) absorb(waiting []item) []item {
	for len(waiting) < maxWaiting {
		select {
		case next := <-n.queue:
			waiting = append(waiting, next)
		default:
			return waiting
		}
	}
	return waiting
}

// awaitTurn returns when another message may be sent.
func (n *Notifier) awaitTurn(ctx context.Context) {
	now := n.options.Now()
	if !n.counted.IsZero() {
		n.allowed = min(burst, n.allowed+max(0, now.Sub(n.counted).Seconds())/messageEvery.Seconds())
	}
	n.counted = now
	if n.allowed < 1 {
		n.options.Pause(ctx, time.Duration((1-n.allowed)*float64(messageEvery)))
		n.allowed, n.counted = 1, n.options.Now()
	}
	n.allowed--
}

// deliver posts what was raised, or else what has ended, again and again with longer pauses, and returns what is left to tell.
func (n *Notifier) deliver(ctx context.Context, waiting []item) (left []item) {
	ended := waiting[0].ended
	pause, began := firstPause, n.options.Now()
	for ctx.Err() == nil {
		webhook := n.options.Webhook()
		if webhook == nil { // it was taken out of the configuration
			n.succeed(0)
			return nil
		}
		var told []model.Finding
		left = left[:0:0]
		for _, i := range waiting {
			if i.ended == ended {
				told = append(told, i.finding)
			} else {
				left = append(left, i)
			}
		}
		message := n.options.Describe(told)
		message.Ended, message.Page = ended, webhook.Page
		err := webhook.post(ctx, message, n.options.Version)
		if err == nil {
			n.succeed(1)
			return left
		}
		if ctx.Err() != nil {
			return nil
		}
		var refused *refusal
		lasting := errors.As(err, &refused) && refused.lasting()
		if n.fail(err); lasting || n.options.Now().Sub(began) > giveUp {
			n.drop(len(told), lasting)
			return left
		}
		wait := pause + time.Duration(rand.Int64N(int64(pause)/4+1)) // so that many hosts do not come at once
		if refused != nil {
			wait = max(wait, refused.after)
		}
		n.pauseUnlessChanged(ctx, wait, webhook)
		pause = min(2*pause, mostPause)
		waiting = n.absorb(waiting)
	}
	return nil
}

// pauseUnlessChanged waits, and not for longer than until the configuration is another one: that may have been the mistake.
func (n *Notifier) pauseUnlessChanged(ctx context.Context, d time.Duration, webhook *Webhook) {
	for d > 0 && ctx.Err() == nil && n.options.Webhook() == webhook {
		step := min(d, time.Second)
		n.options.Pause(ctx, step)
		d -= step
	}
}

func (n *Notifier) succeed(messages uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts[model.NotificationSent] += messages
	if n.failing != "" && messages > 0 {
		level.Info(n.options.Logger).Log("msg", "the webhook takes notifications again")
	}
	n.failing = ""
}

// fail counts, and says it once for as long as the reason is the same.
func (n *Notifier) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts[model.NotificationFailed]++
	if n.failing == "" {
		n.since = n.options.Now()
	}
	if kind(err) != n.failing {
		level.Error(n.options.Logger).Log("msg", "a notification was not taken by the webhook, it is tried again", "err", err)
		n.failing = kind(err)
	}
}

func (n *Notifier) drop(findings int, lasting bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts[model.NotificationDropped] += uint64(findings)
	why := "it has failed for an hour"
	if lasting {
		why = "the webhook refuses this message"
	}
	level.Error(n.options.Logger).Log("msg", "a notification is given up", "findings", findings, "because", why)
}

// Sleep is the usual Options.Pause.
func Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
