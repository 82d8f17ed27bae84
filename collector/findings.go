package collector

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

type findings struct {
	snapshot func() *model.Findings
	always   []model.RuleSeverity
	suspects *suspects

	active, raised, count *prometheus.Desc
	pools, exempted       *prometheus.Desc
}

// NewFindings exports what detection found: findings by rule and severity, suspects by
// severity, connections to pools, exemptions, and the details of at most 32 suspects.
// always are the pairs of rule and severity that exist at 0 from the first scrape. A
// configuration that limits a rule gives further ones: at most three for each rule, and
// a finding of a rule that is not among always is not exported. Until detection has run
// once Update returns ErrNoData.
func NewFindings(snapshot func() *model.Findings, always []model.RuleSeverity, labels *Labels) Collector {
	return &findings{
		snapshot: snapshot, always: always, suspects: newSuspects(labels),
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
	}
	for pair := range c.pairs(active, s.Raised) {
		send.gauge(c.active, float64(active[pair]), pair.Rule, string(pair.Severity))
		send.counter(c.raised, float64(s.Raised[pair]), pair.Rule, string(pair.Severity))
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

// pairs are those that always exist, and those of the same rules that occur.
func (c *findings) pairs(active map[model.RuleSeverity]int, raised map[model.RuleSeverity]uint64) map[model.RuleSeverity]bool {
	pairs, rules := map[model.RuleSeverity]bool{}, map[string]bool{}
	for _, pair := range c.always {
		pairs[pair], rules[pair.Rule] = true, true
	}
	for pair := range active {
		pairs[pair] = rules[pair.Rule]
	}
	for pair := range raised {
		pairs[pair] = rules[pair.Rule]
	}
	maps.DeleteFunc(pairs, func(_ model.RuleSeverity, known bool) bool { return !known })
	return pairs
}
