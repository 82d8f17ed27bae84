package generate

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
)

const (
	// suspiciousOrigins are the origins that no program should run from.
	suspiciousOrigins = `origin=~"temp|memfd|deleted|web"`
	// blindBelow is the limit of the alert CryptojackBlind, seen its aspects.
	blindBelow = 0.8
	seen       = `aspect=~"exe|temp|fd|stat|cgroup|netns|persistence|host"`
)

// house is where the dashboards are to hang: what it differs in is put into every
// query, so that none need be changed for it.
type house struct{ assets.House }

// hosts limits every query to what was chosen.
func (h house) hosts() string {
	chosen := `job=~"$job", instance=~"$instance"`
	if h.ClusterLabel != "" {
		chosen += ", " + h.ClusterLabel + `=~"$cluster"`
	}
	return chosen
}

// key adds the cluster to labels that tell hosts apart.
func (h house) key(labels string) string {
	if strings.Contains(labels, "instance") {
		return labels + h.Cluster()
	}
	return labels
}

// on joins two hosts' series by labels.
func (h house) on(labels string) string { return "on (" + h.key(labels) + ")" }

// metric selects a metric of the chosen hosts.
func (h house) metric(name string, matchers ...string) string {
	return "cryptojack_" + name + "{" + strings.Join(append(matchers, h.hosts()), ", ") + "}"
}

// rate is per second, increase over the step of a graph, total over the shown
// time.
func (h house) rate(name string, matchers ...string) string {
	return "rate(" + h.metric(name, matchers...) + "[$__rate_interval])"
}

func (h house) increase(name string, matchers ...string) string {
	return "increase(" + h.metric(name, matchers...) + "[$__rate_interval])"
}

func (h house) total(name string, matchers ...string) string {
	return "increase(" + h.metric(name, matchers...) + "[$__range])"
}

// by aggregates: by("sum", "job, instance", x).
func (h house) by(aggregation, labels, expr string) string {
	return aggregation + " by (" + h.key(labels) + ") (" + expr + ")"
}

// one keeps one series of each group. A suspect may have several guardians or,
// for a moment, two verdicts: without it tables get two lines, and joins fail.
func (h house) one(group, expr string) string {
	return "topk by (" + h.key(group) + ") (1, " + expr + ")"
}

// verdict of each group: 3 a miner, 2 suspicious, 1 too blind to judge, 0 quiet.
// It is absent where no exporter answers.
func (h house) verdict(labels string) string {
	return h.by("max", labels, `(`+h.metric("suspects", `severity="critical"`)+` > bool 0) * 3`+
		` or (`+h.metric("suspects", `severity="warning"`)+` > bool 0) * 2`+
		` or ((`+h.by("min", "job, instance", h.metric("visibility_ratio", seen))+` < bool 0.8) and `+h.on("job, instance")+` `+h.metric("suspects")+`)`)
}

// countHosts counts the hosts whose greatest value meets the condition, such as
// `> bool 0`. With `bool` it is 0 where all is well and absent without data.
func (h house) countHosts(expr, condition string) string {
	return "sum(" + h.by("max", "job, instance", expr) + " " + condition + ")"
}

// silentHosts counts the hosts that do not answer now but did in the shown time, or
// that Prometheus tries to scrape. It is 0 while all answer, and absent if none ever did.
func (h house) silentHosts() string {
	build := h.metric("exporter_build_info")
	answered := h.by("group", "job, instance", "last_over_time("+build+"[$__range])")
	return "count((" + answered + " or (" + h.by("group", "job, instance", "up{"+h.hosts()+"} == 0") + " and on (job) " + answered + ")) unless " + h.on("job, instance") + " " + build + ")" +
		" or 0 * count(" + build + ")"
}

// named adds the labels of a suspect to a value about suspects.
func (h house) named(value, labels string) string {
	return value + " * " + h.on("job, instance, suspect") + " group_left (" + labels + ") " + h.one("job, instance, suspect", h.metric("suspect_info"))
}

// relabel copies a label under another name.
func relabel(expr, to, from, pattern string) string {
	return `label_replace(` + expr + `, "` + to + `", "$1", "` + from + `", "` + pattern + `")`
}
