package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

type findings struct {
	snapshot func() *model.Findings
	rules    []string
	suspects *suspects

	active, raised, count *prometheus.Desc
	pools, exempted       *prometheus.Desc
}

// NewFindings exports what detection found: findings by rule and severity, suspects by
// severity, connections to pools, exemptions, and the details of at most 32 suspects.
// rules are the names of all rules, so that each exists at 0 from the first scrape; a
// finding of another rule is not exported. Until detection has run once Update
// returns ErrNoData.
func NewFindings(snapshot func() *model.Findings, rules []string, labels *Labels) Collector {
	return &findings{
		snapshot: snapshot, rules: rules, suspects: newSuspects(labels),
		active: prometheus.NewDesc("cryptojack_findings",
			"Findings that are active, by the strongest rule of each.", []string{"rule", "severity"}, nil),
		raised: prometheus.NewDesc("cryptojack_findings_raised_total",
			"Findings raised since the exporter started, also those that are over.", []string{"rule", "severity"}, nil),
		count: prometheus.NewDesc("cryptojack_suspects",
			"Programs under suspicion, by the verdict about each. info is what looks odd but is expected, or only busy.", []string{"severity"}, nil),
		pools: prometheus.NewDesc("cryptojack_pool_connections",
			"Programs that are connected to a mining pool: by host (on the list of the configuration), by port, or by behaviour (stratum: the only, lasting connection of a program that computes). Only programs that burn CPU or run from suspicious places are asked.", []string{"match"}, nil),
		exempted: prometheus.NewDesc("cryptojack_exemptions_total",
			"Findings that were lowered, since the exporter started, by the reason.", []string{"exemption"}, nil),
	}
}

// Name implements Collector.
func (*findings) Name() string { return "findings" }

// Update implements Collector.
func (c *findings) Update(ch chan<- prometheus.Metric) error {
	s := c.snapshot()
	if s == nil {
		return ErrNoData
	}
	active := map[model.RuleSeverity]int{}
	counts := map[model.Severity]int{}
	for i := range s.Active {
		active[model.RuleSeverity{Rule: s.Active[i].Rule, Severity: s.Active[i].Severity}]++
		if s.Active[i].Suspect != nil {
			counts[s.Active[i].Severity]++
		}
	}
	send := newSender(ch)
	for _, severity := range model.Severities() {
		send.gauge(c.count, float64(counts[severity]), string(severity))
		for _, rule := range c.rules {
			key := model.RuleSeverity{Rule: rule, Severity: severity}
			send.gauge(c.active, float64(active[key]), rule, string(severity))
			send.counter(c.raised, float64(s.Raised[key]), rule, string(severity))
		}
	}
	for _, match := range model.PoolMatches() {
		send.gauge(c.pools, float64(s.Pools[match]), string(match))
	}
	for _, exemption := range model.Exemptions() {
		send.counter(c.exempted, float64(s.Exempted[exemption]), string(exemption))
	}
	c.suspects.update(send, s.Active)
	return nil
}
