package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
)

// mostSeries is how many series a host has at most, by the exporter's own limits.
const mostSeries = 1300

// kind is one kind of host: what its exporter says.
type kind struct {
	series, bytes, compressed int
}

func kindOf(r *recording) kind {
	exposition := r.play(0, r.scrapes[0].at)
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, _ = writer.Write(exposition) // a buffer takes everything
	_ = writer.Close()
	return kind{r.series(), len(exposition), compressed.Len()}
}

// groups are the groups of rules.
type groups []group

// group is a group of rules and how long its evaluations took, in seconds.
type group struct {
	name            string
	rules, interval float64
	durations       []float64
}

// measurement is what one Prometheus needed.
type measurement struct {
	hosts, minedHosts int
	quiet, mined      kind
	span              time.Duration

	headSeries, samplesPerSecond float64
	cores                        float64
	ruleSeconds                  float64 // of evaluation, a second
	resident                     int64   // bytes, the most that was seen
	walPerSample                 float64 // bytes
	block                        block
	groups                       groups
	wave                         groups // while every host is mined
	missed, failedScrapes        float64
	slowScrape                   float64 // p99, seconds
	firing                       float64 // alerts at the end
}

// add notes the last evaluation of each group.
func (all *groups) add(f families) {
	rules, intervals := f.byGroup("prometheus_rule_group_rules"), f.byGroup("prometheus_rule_group_interval_seconds")
	for name, seconds := range f.byGroup("prometheus_rule_group_last_duration_seconds") {
		at := all.index(name)
		if at < 0 {
			at = len(*all)
			*all = append(*all, group{name: name, rules: rules[name], interval: intervals[name]})
		}
		(*all)[at].durations = append((*all)[at].durations, seconds)
	}
}

func (all *groups) index(name string) int {
	return slices.IndexFunc(*all, func(g group) bool { return g.name == name })
}

// document is what was measured, in Markdown.
func document(machine string, m measurement) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `# One Prometheus and many hosts

Made by `+"`make bench-fleet`"+`; do not edit. Measured on %s. What follows from it is in [fleet.md](fleet.md).

%s hosts with addresses of their own say what the exporter said on this host, scrape by scrape, each from another place on;
%d of them what it said while a harmless program with a miner's name burned a core. Counters go on where they were. Labels are
those of the recorded host: in a fleet that runs different programs the index is a little larger. One Prometheus with default flags
scrapes them every %s and evaluates the shipped rules. It runs on the same machine as the simulated hosts, whose CPU time is not counted.
`, machine, measure.Number(float64(m.hosts)), m.minedHosts, scrapePeriod)
	table := measure.Table{Columns: []string{fmt.Sprintf("over %s", m.span), "value:"}}
	for _, row := range []struct {
		name  string
		value float64
	}{
		{"series of a host at rest", float64(m.quiet.series)},
		{"series of a host that is mined", float64(m.mined.series)},
		{"bytes of a scrape, host at rest", float64(m.quiet.bytes)},
		{"the same, compressed", float64(m.quiet.compressed)},
		{"series in the head", m.headSeries},
		{"samples a second", m.samplesPerSecond},
		{"CPU, cores", m.cores},
		{"time in which rules are evaluated, seconds a second", m.ruleSeconds},
		{"RSS, MB", float64(m.resident) / 1e6},
		{"RSS a series, bytes", float64(m.resident) / m.headSeries},
		{"write-ahead log, bytes a sample", m.walPerSample},
		{"block on disk: chunks, bytes a sample", m.block.perSample()},
		{"block on disk: index, bytes a series", m.block.perSeries()},
		{"scrapes that failed", m.failedScrapes},
		{"scrape p99, ms", 1000 * m.slowScrape},
		{"evaluations that were missed", m.missed},
		{"alerts that fire at the end", m.firing},
	} {
		table.Add(row.name, measure.Number(row.value))
	}
	table.Write(&out)
	m.rules(&out)
	m.extrapolate(&out)
	return out.Bytes()
}

// rules writes how long the groups took.
func (m measurement) rules(out *bytes.Buffer) {
	fmt.Fprintf(out, `
## Groups of rules

How long an evaluation takes, as a rule and then while every one of the hosts is mined, which is the worst: each host's alerts fire, and the
text of each asks Prometheus what runs there. A group that takes longer than its interval is evaluated less often.
`)
	table := measure.Table{Columns: []string{"group", "rules:", "every, s:", "median, ms:", "slowest, ms:", "all mined: median, ms:", "slowest, ms:"}}
	slices.SortFunc(m.groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.interval, b.interval), cmp.Compare(a.name, b.name))
	})
	for _, g := range m.groups {
		cells := append([]string{g.name, measure.Number(g.rules), measure.Number(g.interval)}, g.shown()...)
		if at := m.wave.index(g.name); at >= 0 {
			cells = append(cells, m.wave[at].shown()...)
		}
		table.Add(cells...)
	}
	table.Write(out)
}

// shown are the median and the slowest in milliseconds.
func (g group) shown() []string {
	return []string{measure.Number(1000 * measure.Median(g.durations)), measure.Number(1000 * slices.Max(g.durations))}
}

func (b block) perSample() float64 { return float64(b.chunks) / b.samples }
func (b block) perSeries() float64 { return float64(b.index) / b.series }

const (
	samplesInBlock = 2 * 60 * 60 / 15 // of a series, in the two hours of a block
	blocksInDay    = 12
)

// diskInDay is what a day of so many series takes in blocks of two hours, in bytes.
func (b block) diskInDay(series float64) float64 {
	return blocksInDay * series * (samplesInBlock*b.perSample() + b.perSeries())
}

// extrapolate writes what more hosts would need if all grew in proportion.
func (m measurement) extrapolate(out *bytes.Buffer) {
	fmt.Fprintf(out, `
## In proportion

Only the row of %s hosts as they were recorded is measured; the others multiply it. The limit is %d series for each host: the exporter
has no more, whatever happens on it. Disk is that of blocks of two hours: chunks and index of the block that was measured, the index
once for each block, which compaction makes less. The time of rules is that of all groups, of which several run at once.
`, measure.Number(float64(m.hosts)), mostSeries)
	table := measure.Table{Columns: []string{
		"hosts:", "series of each:", "series:", "samples a second:", "CPU, cores:", "rules, s a second:", "memory, GB:", "disk, GB a day:", "network, Mbit/s:",
	}}
	own := m.headSeries / float64(m.hosts)
	network := float64(m.quiet.compressed) * 8 / scrapePeriod.Seconds()
	for _, hosts := range slices.Compact([]int{m.hosts, 10_000, 100_000}) {
		for _, each := range []float64{own, mostSeries} {
			times := float64(hosts) / float64(m.hosts) * each / own
			series := m.headSeries * times
			table.Add(measure.Number(float64(hosts)), measure.Number(each), measure.Number(series), measure.Number(m.samplesPerSecond*times),
				measure.Number(m.cores*times), measure.Number(m.ruleSeconds*times), measure.Number(float64(m.resident)*times/1e9),
				measure.Number(m.block.diskInDay(series)/1e9), measure.Number(network*float64(hosts)*each/own/1e6))
		}
	}
	table.Write(out)
	m.engines(out)
}

const (
	hostsOfShard = 5000
	// What the rules of the whole fleet read of a host that has nothing: three severities
	// of suspects, and critical exposed services.
	seriesForFleet = 4

	// By Mimir's page about planning capacity.
	mimirSamplesOfCore = 25_000  // a second, of a distributor, which has a GB for them too
	mimirSeriesOfCore  = 300_000 // of an ingester, which has 2.5 GB of memory and 5 GB of disk for them
	mimirReplicas      = 3
)

// engines writes what the ways beyond one Prometheus come to.
func (m measurement) engines(out *bytes.Buffer) {
	fmt.Fprintf(out, `
## Beyond one Prometheus

Nothing here is measured. Shards are Prometheus servers of %s hosts each, which evaluate the rules of their hosts and send only the
%d series of a healthy host that the rules of the whole fleet read to a central one. Mimir is what its documentation asks for at
least (a core and 1 GB of a distributor for %s samples a second; a core, 2.5 GB and 5 GB of disk of an ingester for %s series,
each of them %d times), without queries and without the half more that it advises for peaks.
`, measure.Number(hostsOfShard), seriesForFleet, measure.Number(mimirSamplesOfCore), measure.Number(mimirSeriesOfCore), mimirReplicas)
	table := measure.Table{Columns: []string{
		"hosts:", "shards:", "memory of each, GB:", "series in the centre:", "Mimir: distributors, cores:", "ingesters, cores:", "ingesters, memory, GB:", "ingesters, disk, GB:",
	}}
	own := m.headSeries / float64(m.hosts)
	for _, hosts := range []int{10_000, 100_000} {
		series := own * float64(hosts)
		samples := m.samplesPerSecond * float64(hosts) / float64(m.hosts)
		ingesters := series * mimirReplicas / mimirSeriesOfCore
		table.Add(measure.Number(float64(hosts)), fmt.Sprint((hosts+hostsOfShard-1)/hostsOfShard),
			measure.Number(float64(m.resident)*hostsOfShard/float64(m.hosts)/1e9), measure.Number(float64(hosts)*seriesForFleet),
			measure.Number(samples/mimirSamplesOfCore), measure.Number(ingesters), measure.Number(2.5*ingesters), measure.Number(5*ingesters))
	}
	table.Write(out)
}
