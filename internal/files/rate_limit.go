package files

import (
	"sync"
	"time"
)

const (
	quietTime  = time.Second // at least, between two signals
	quietRatio = 10          // and from a scan to the next signal, this many times as long as it took
)

// rateLimit keeps events from making scans continuous. Sample and Watch share it.
type rateLimit struct {
	scanned chan struct{} // one scan has ended, or more

	mu       sync.Mutex
	scanning bool
	ended    time.Time     // of the last scan
	took     time.Duration // by it
	signal   time.Time     // the last
}

func (p *rateLimit) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scanning = true
}

func (p *rateLimit) end(began time.Time) {
	p.mu.Lock()
	p.scanning, p.ended = false, time.Now()
	p.took = p.ended.Sub(began)
	p.mu.Unlock()
	select {
	case p.scanned <- struct{}{}:
	default: // Watch has not yet seen the last one, or is not there
	}
}

func (p *rateLimit) signalled(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signal = now
}

// wait is how long no signal may be given yet; 0: it may be given now.
func (p *rateLimit) wait(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.scanning {
		return quietTime
	}
	wait := p.signal.Add(quietTime).Sub(now)
	if !p.ended.IsZero() {
		wait = max(wait, p.ended.Add(quietRatio*p.took).Sub(now))
	}
	return max(wait, 0)
}
