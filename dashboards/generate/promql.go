package main

import "strings"

const (
	// hosts limits every query to what was chosen.
	hosts = `job=~"$job", instance=~"$instance"`
	// suspiciousOrigins are the origins that no program should run from.
	suspiciousOrigins = `origin=~"temp|memfd|deleted|web"`
	// blindBelow is the limit of the alert CryptojackBlind, seen its aspects.
	blindBelow = 0.8
	seen       = `aspect=~"exe|temp|fd|stat|cgroup|netns|persistence|host"`
)

// metric selects a metric of the chosen hosts.
func metric(name string, matchers ...string) string {
	return "cryptojack_" + name + "{" + strings.Join(append(matchers, hosts), ", ") + "}"
}

// rate is per second, increase over the step of a graph, total over the shown
// time.
func rate(name string, matchers ...string) string {
	return "rate(" + metric(name, matchers...) + "[$__rate_interval])"
}

func increase(name string, matchers ...string) string {
	return "increase(" + metric(name, matchers...) + "[$__rate_interval])"
}

func total(name string, matchers ...string) string {
	return "increase(" + metric(name, matchers...) + "[$__range])"
}

// by aggregates: by("sum", "job, instance", x).
func by(aggregation, labels, expr string) string {
	return aggregation + " by (" + labels + ") (" + expr + ")"
}

// one keeps one series of each group. A suspect may have several guardians or,
// for a moment, two verdicts: without it tables get two lines, and joins fail.
func one(group, expr string) string { return "topk by (" + group + ") (1, " + expr + ")" }

// verdict of each group: 3 a miner, 2 suspicious, 1 too blind to judge, 0 quiet.
// It is absent where no exporter answers.
func verdict(labels string) string {
	return by("max", labels, `(`+metric("suspects", `severity="critical"`)+` > bool 0) * 3`+
		` or (`+metric("suspects", `severity="warning"`)+` > bool 0) * 2`+
		` or ((`+by("min", "job, instance", metric("visibility_ratio", seen))+` < bool 0.8) and on (job, instance) `+metric("suspects")+`)`)
}

// countHosts counts the hosts whose greatest value meets the condition, such as
// `> bool 0`. With `bool` it is 0 where all is well and absent without data.
func countHosts(expr, condition string) string {
	return "sum(" + by("max", "job, instance", expr) + " " + condition + ")"
}

// silentHosts counts the hosts that do not answer now but did in the shown time, or
// that Prometheus tries to scrape. It is 0 while all answer, and absent if none ever did.
func silentHosts() string {
	build := metric("exporter_build_info")
	answered := by("group", "job, instance", "last_over_time("+build+"[$__range])")
	return "count((" + answered + " or (" + by("group", "job, instance", "up{"+hosts+"} == 0") + " and on (job) " + answered + ")) unless on (job, instance) " + build + ")" +
		" or 0 * count(" + build + ")"
}

// named adds the labels of a suspect to a value about suspects.
func named(value, labels string) string {
	return value + " * on (job, instance, suspect) group_left (" + labels + ") " + one("job, instance, suspect", metric("suspect_info"))
}

// relabel copies a label under another name.
func relabel(expr, to, from, pattern string) string {
	return `label_replace(` + expr + `, "` + to + `", "$1", "` + from + `", "` + pattern + `")`
}
