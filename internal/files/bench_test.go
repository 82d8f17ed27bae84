package files

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// benchmarkFiles is how many harmless files lie beside a few programs.
const benchmarkFiles = 100_000

func benchmarkFixture(b *testing.B) *fixture {
	f := newFixture(b, Limits{})
	for i := range benchmarkFiles {
		f.must(os.WriteFile(f.path(fmt.Sprintf("/tmp/%d", i)), []byte("some text"), 0o644))
	}
	for i := range 100 {
		f.write(fmt.Sprintf("/tmp/program-%d", i), elfFile(executable, fmt.Sprint(i)), 0o755)
	}
	return f
}

// BenchmarkFirstListing is what the first look at 100,000 files costs.
func BenchmarkFirstListing(b *testing.B) {
	f := benchmarkFixture(b)
	for b.Loop() {
		f.sensor = New(f.options)
		f.sample()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchmarkFiles, "ns/file")
}

// BenchmarkListedAgain is what it costs to list them again.
func BenchmarkListedAgain(b *testing.B) {
	f := benchmarkFixture(b)
	f.sensor.options.Interval = time.Hour
	f.sample()
	for b.Loop() {
		top := f.sensor.roots[0].top
		top.listed = time.Now().Add(time.Hour) // longer ago than the files are old, as is usual
		f.sensor.list(top)
		f.sample()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchmarkFiles, "ns/file")
}

// BenchmarkAtRest is a sample in which nothing has changed.
func BenchmarkAtRest(b *testing.B) {
	f := benchmarkFixture(b)
	f.sensor.options.Interval = time.Hour
	f.sample()
	b.ReportAllocs()
	for b.Loop() {
		f.sample()
	}
}
