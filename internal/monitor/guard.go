package monitor

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// errPanic is a defect of the exporter that was contained.
var errPanic = errors.New("panic, please report it")

// guard runs everything that looks at hostile data. A panic there becomes an error:
// one broken component must not blind the others. Reads that run under a deadline
// have a guard of their own, hostfs.Guard.
type guard struct {
	logger log.Logger

	mu     sync.Mutex
	panics map[string]uint64
}

func newGuard(logger log.Logger, components ...string) *guard {
	g := &guard{logger: logger, panics: map[string]uint64{}}
	for _, component := range components {
		g.add(component)
	}
	return g
}

// add makes a component known, so that its count is there at 0.
func (g *guard) add(component string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.panics[component] += 0
}

// counts returns a copy.
func (g *guard) counts() map[string]uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.panics)
}

// run calls a function and turns a panic into an error. The first panic of a
// component is logged with its stack, the rest are counted.
func (g *guard) run(component string, function func() error) (err error) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		g.mu.Lock()
		g.panics[component]++
		first := g.panics[component] == 1
		g.mu.Unlock()
		err = fmt.Errorf("%w: %v", errPanic, cause)
		if first {
			level.Error(g.logger).Log("msg", "a defect was contained, further cases of the component are only counted",
				"component", component, "err", err, "stack", string(debug.Stack()))
		}
	}()
	return function()
}
