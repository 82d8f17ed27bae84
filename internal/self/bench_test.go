package self

import (
	"testing"
	"time"

	"github.com/go-kit/log"
)

// BenchmarkTick is what looking at the clocks costs, once a second.
func BenchmarkTick(b *testing.B) {
	quota := quotaFile("/proc/self")
	for b.Loop() {
		if _, err := readClocks(quota); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSample is a look at the exporter itself, on this host, every 10 s.
func BenchmarkSample(b *testing.B) {
	s := New(Options{Proc: "/proc", Root: "/", Logger: log.NewNopLogger()})
	for b.Loop() {
		if err := s.Sample(b.Context(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
