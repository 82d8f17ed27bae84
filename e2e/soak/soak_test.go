package main

import (
	"strings"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	t.Parallel()
	const metrics = "# HELP go_goroutines x\ngo_goroutines 31\nprocess_open_fds 40\nprocess_resident_memory_bytes 6e+07\na{b=\"c d\"} 1\ncryptojack_findings{rule=\"a\",severity=\"info\"} 2\ncryptojack_findings{rule=\"b\",severity=\"info\"} 3\n"
	got, err := read(strings.NewReader(metrics))
	if want := (sample{resident: 6e7, goroutines: 31, descriptors: 40, series: 6, findings: 5}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if heap, err := heapOf([]byte("heap profile: 1: 2\n# Alloc = 5\n# HeapAlloc = 4938400\n")); err != nil || heap != 4938400 {
		t.Errorf("%g, %v", heap, err)
	}
	if _, err := heapOf([]byte("HeapAlloc")); err == nil {
		t.Error("no number is taken for one")
	}
	if _, err := read(strings.NewReader("go_goroutines 31\n")); err == nil {
		t.Error("what is not there is taken for 0")
	}
}

// TestJudge: what stays level passes whatever the noise, and what grows is named.
func TestJudge(t *testing.T) {
	t.Parallel()
	series := func(change func(i int, s *sample)) []sample {
		var samples []sample
		for i := range 100 {
			s := sample{after: time.Duration(i) * time.Second, heap: 20 << 20, resident: 60 << 20, goroutines: 30, descriptors: 40, series: 900, processes: 200}
			s.heap += float64(i%7) * (1 << 18)
			s.goroutines += float64(i % 4)
			change(i, &s)
			samples = append(samples, s)
		}
		return afterWarmUp(samples, 20*time.Second)
	}
	if got := len(series(func(int, *sample) {})); got != 80 {
		t.Fatalf("%d samples are compared", got)
	}
	for want, change := range map[string]func(i int, s *sample){
		"":                func(int, *sample) {},
		"heap":            func(i int, s *sample) { s.heap += float64(i) * (1 << 18) },
		"resident memory": func(i int, s *sample) { s.resident += float64(i) * (1 << 19) },
		"goroutines":      func(i int, s *sample) { s.goroutines += float64(i / 5) },
		"descriptors":     func(i int, s *sample) { s.descriptors += float64(i / 5) },
		"series":          func(i int, s *sample) { s.series += float64(3 * i) },
	} {
		err := grown(judge(series(change)))
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Count(err.Error(), "it grows") != 1) {
			t.Errorf("%s: %v", want, err)
		}
	}
	crowded := series(func(i int, s *sample) { s.heap += float64(i) * (1 << 16); s.processes += float64(20 * i) })
	if err := grown(judge(crowded)); err != nil {
		t.Errorf("a host with more processes: %v", err)
	}
}
