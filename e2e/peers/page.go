package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
)

// page is what was measured, and on what.
type page struct {
	settings
	machine    string
	peers      []peer
	rows       []row
	left       []string // sizes that could not be made, and why
	attributed []attribution
}

// render writes the page in Markdown.
func (p page) render() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Beside other exporters\n\nMade by `%s`; do not edit. Measured on %s.\n", strings.Join(append([]string{"make bench-peers"}, shown(p.arguments)...), " "), p.machine)
	versions := measure.Table{Columns: []string{"exporter", "version", "run with"}}
	for _, e := range p.peers {
		flags := strings.Join(e.command[1:], " ")
		if e.name == "process-exporter" {
			flags = "one group for each program, its other flags as they are by default"
		}
		versions.Add(e.name, e.version, flags)
	}
	versions.Write(&out)
	if len(p.rows) > 0 || len(p.left) > 0 {
		p.renderCosts(&out)
	}
	if len(p.attributed) > 0 {
		p.renderAttribution(&out)
	}
	return out.Bytes()
}

// shown are the arguments but for where the page goes and which programs were run.
func shown(arguments []string) []string {
	var kept []string
	for i := 0; i < len(arguments); i++ {
		name, _, joined := strings.Cut(strings.TrimLeft(arguments[i], "-"), "=")
		switch name {
		case "table", "exporter", "process-exporter", "node-exporter":
			if !joined {
				i++
			}
		default:
			kept = append(kept, arguments[i])
		}
	}
	return kept
}

func (p page) renderCosts(out *bytes.Buffer) {
	fmt.Fprintf(out, `
## What they cost

All exporters run at the same time, among the same processes: taking turns would give each another minute of the host. They are
scraped every %s, a third of that apart, so that on two cores no scrape meets another one; each is started anew for each number
of processes, and has %s to get to know them. CPU time is that of %s, by the clock of the process (clock_getcpuclockid(3)).
Then each is scraped alone up to %d times, %s apart, to measure how long that takes: without a hundred of them, p99 is the slowest.
An exporter without a clock of its own looks at the processes when it is scraped. RSS is the most that was seen after a scrape; bytes are those of the text before compression.

Processes are those of the host, filled up with some that sleep: %d programs of less than 200 bytes. That is kind to exporters which
read the memory maps, files and threads of each process. Short processes are such a program that ends at once.
`, scrapePeriod, p.settle, p.span, timedMost, timedPause, crowd.Programs)
	table := measure.Table{Columns: []string{
		"processes:", "short ones, 1/s:", "exporter", "CPU, s a minute:", "times ours:", "looks every, s:", "scrape p50, ms:", "p99, ms:", "scrapes:", "RSS, MB:", "series:", "bytes:",
	}}
	ours := 0.0
	for _, r := range p.rows {
		if r.peer == p.peers[0].name {
			ours = r.cpu
		}
		table.Add(measure.Number(float64(r.processes)), measure.Number(r.churn), r.peer, r.shownCPU(), ratio(r.cpu, ours), cmp.Or(rounded(r.interval), "-"),
			milliseconds(r.scrapes, 0.5), milliseconds(r.scrapes, 0.99), fmt.Sprint(len(r.scrapes)),
			measure.Number(float64(r.resident)/1e6), measure.Number(float64(r.series)), measure.Number(float64(r.bytes)))
	}
	table.Write(out)
	for _, reason := range p.left {
		fmt.Fprintf(out, "\nNot measured: %s.\n", reason)
	}
}

func (p page) renderAttribution(out *bytes.Buffer) {
	fmt.Fprintf(out, `
## CPU time of short processes

How much of the CPU time of processes, one after the other, is in the counter of their own program afterwards; the rest is in no
counter or in one of several programs. All are scraped every %s. node_exporter knows no CPU time of processes.
`, scrapePeriod)
	table := measure.Table{Columns: []string{"processes", "CPU time by wait(2), s:"}}
	var able []string
	for _, e := range p.peers {
		if e.metric != "" {
			able = append(able, e.name)
			table.Columns = append(table.Columns, e.name+", s:", "share:")
		}
	}
	for _, a := range p.attributed {
		cells := []string{fmt.Sprintf("%d of %s", a.count, a.each), measure.Number(a.used)}
		for _, name := range able {
			cells = append(cells, measure.Number(a.seen[name]), fmt.Sprintf("%.1f %%", 100*a.seen[name]/a.used))
		}
		table.Add(cells...)
	}
	table.Write(out)
}

// shownCPU says too when it is less than it would be, since scrapes did not come in time.
func (r row) shownCPU() string {
	if r.late == 0 {
		return measure.Number(r.cpu)
	}
	return fmt.Sprintf("%s (%d scrapes came too late)", measure.Number(r.cpu), r.late)
}

// rounded is a number that an exporter wrote, or what else it wrote.
func rounded(text string) string {
	if value, err := strconv.ParseFloat(text, 64); err == nil {
		return measure.Number(value)
	}
	return text
}

// ratio is how many times the whole goes into the value.
func ratio(value, whole float64) string {
	if whole <= 0 {
		return "-"
	}
	return measure.Number(value / whole)
}

func milliseconds(times []time.Duration, q float64) string {
	return measure.Number(float64(measure.Quantile(times, q).Microseconds()) / 1000)
}

// String is a line of progress.
func (r row) String() string {
	return fmt.Sprintf("%6d processes, %3.0f short ones a second: %-20s %6.2f s of CPU a minute, scrape p50 %s ms, %s MB",
		r.processes, r.churn, r.peer, r.cpu, milliseconds(r.scrapes, 0.5), measure.Number(float64(r.resident)/1e6))
}
