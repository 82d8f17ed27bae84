package main

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// recording is what one exporter said in successive scrapes.
type recording struct {
	scrapes  []scrape
	counters map[string]bool // names of samples that only grow
}

// scrape is one text exposition, by lines.
type scrape struct {
	at     time.Time
	lines  []line
	values map[string]float64 // by series
}

// line is one line: a sample, or a comment without a series.
type line struct {
	text   string // of a comment, with its end
	series string // name and labels
}

// add appends a text exposition.
func (r *recording) add(at time.Time, exposition []byte) error {
	if r.counters == nil {
		r.counters = map[string]bool{}
	}
	s := scrape{at: at, values: map[string]float64{}}
	for text := range bytes.Lines(exposition) {
		if text[0] == '#' || len(bytes.TrimSpace(text)) == 0 {
			r.noteType(string(text))
			s.lines = append(s.lines, line{text: string(text)})
			continue
		}
		// A label's value may hold spaces, what follows the labels does not.
		trimmed := strings.TrimSpace(string(text))
		cut := strings.LastIndexByte(trimmed, ' ')
		if cut < 0 {
			return fmt.Errorf("%q is no sample", trimmed)
		}
		value, err := strconv.ParseFloat(trimmed[cut+1:], 64)
		if err != nil {
			return fmt.Errorf("%q: %w", trimmed, err)
		}
		s.lines = append(s.lines, line{series: trimmed[:cut]})
		s.values[trimmed[:cut]] = value
	}
	r.scrapes = append(r.scrapes, s)
	return nil
}

// noteType remembers which names a comment declares as counters.
func (r *recording) noteType(comment string) {
	fields := strings.Fields(comment)
	if len(fields) != 4 || fields[1] != "TYPE" {
		return
	}
	switch name := fields[2]; fields[3] {
	case "counter":
		r.counters[name] = true
	case "histogram", "summary":
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			r.counters[name+part] = true
		}
	}
}

// series is how many there are in the last scrape.
func (r *recording) series() int { return len(r.scrapes[len(r.scrapes)-1].values) }

// play is what an exporter says in its scrape of that number, counted from 0, at that
// time: the recording again and again, with counters that go on where they were, and
// times that move along with the clock.
func (r *recording) play(number int, now time.Time) []byte {
	round, s := number/len(r.scrapes), r.scrapes[number%len(r.scrapes)]
	var out bytes.Buffer
	for _, l := range s.lines {
		if l.series == "" {
			out.WriteString(l.text)
			continue
		}
		out.WriteString(l.series)
		out.WriteByte(' ')
		out.WriteString(strconv.FormatFloat(r.valueIn(l.series, s, round, now), 'g', -1, 64))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

func (r *recording) valueIn(series string, s scrape, round int, now time.Time) float64 {
	value := s.values[series]
	first, isFirst := r.scrapes[0].values[series]
	last, isLast := r.scrapes[len(r.scrapes)-1].values[series]
	if !isFirst || !isLast || first == last || math.IsNaN(value) {
		return value
	}
	name, _, _ := strings.Cut(series, "{")
	switch {
	case r.counters[name]:
		return value + float64(round)*(last-first)
	case strings.HasSuffix(name, "_timestamp_seconds"):
		return value + now.Sub(s.at).Seconds()
	}
	return value
}
