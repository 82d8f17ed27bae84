package state

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

const (
	// least is the shortest time between two writes, and bytesPerSecond what is written at most in the long run: whoever has the
	// exporter raise findings without end wears out no disk.
	least          = 10 * time.Second
	bytesPerSecond = 10 << 10
)

// Saver writes what is known when that has changed, and waits for the disk in a goroutine of its own.
type Saver struct {
	store   *Store
	content func() ([]byte, error)
	logger  log.Logger

	wake    chan struct{}
	writing sync.Mutex
	failing string
	trouble atomic.Pointer[string]
}

// NewSaver returns a saver that has not begun. The function returns what is to be written.
func NewSaver(store *Store, content func() ([]byte, error), logger log.Logger) *Saver {
	return &Saver{store: store, content: content, logger: logger, wake: make(chan struct{}, 1)}
}

// Changed says that what is known is no longer what was written. It waits for nothing, and may be asked of nil.
func (s *Saver) Changed() {
	if s == nil {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default: // it will be written
	}
}

// Trouble is why the last write failed, a sentence, or "". It may be asked of nil.
func (s *Saver) Trouble() string {
	if s == nil {
		return ""
	}
	if trouble := s.trouble.Load(); trouble != nil {
		return *trouble
	}
	return ""
}

// Run writes after changes until the context ends. What has changed last is left to Finish.
func (s *Saver) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
		rest := time.NewTimer(pause(s.write()))
		select {
		case <-ctx.Done():
		case <-rest.C:
		}
		rest.Stop()
	}
	return nil
}

// Finish writes for the last time. It may be asked of nil.
func (s *Saver) Finish() {
	if s == nil {
		return
	}
	s.write()
	s.store.Close()
}

// pause is how long nothing is written after so many bytes.
func pause(bytes int) time.Duration {
	return max(least, time.Duration(bytes/bytesPerSecond)*time.Second)
}

// write returns how many bytes it had to write. What fails is said once for as long as the reason is the same.
func (s *Saver) write() int {
	s.writing.Lock()
	defer s.writing.Unlock()
	content, err := s.content()
	if err == nil {
		err = s.store.Write(content)
	}
	switch {
	case err == nil && s.failing != "":
		level.Info(s.logger).Log("msg", "what is known is written again")
		s.failing = ""
		s.trouble.Store(nil)
	case err != nil && err.Error() != s.failing:
		s.failing = err.Error()
		trouble := "What is known cannot be written, so less of it outlives a restart: " + s.failing + "."
		s.trouble.Store(&trouble)
		level.Error(s.logger).Log("msg", "what is known cannot be written, so less of it outlives a restart", "err", err)
	}
	return len(content)
}
