package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/webhook"
)

// engine is what evaluates the shipped rules over all hosts and answers the dashboards' queries.
type engine struct {
	name    string
	queries string // the address of its API of queries, which is Prometheus' own
	paged   *webhook.Receiver[[]sentAlert]
}

// TestEngines holds that a fleet gets the same answers from each engine: the alerts that
// fire, with their texts, and every query of the dashboards. Two clusters whose hosts have the same
// addresses are seen by
//   - one Prometheus that has all of both,
//   - a Prometheus for each, with Thanos Query and Rule over their sidecars,
//   - VictoriaMetrics with vmalert.
//
// All get the same samples with the same times, of which an hour is there before the first
// rule is evaluated.
func TestEngines(t *testing.T) {
	reference, giveRules := startWithRules(t)
	victoria := startVictoriaMetrics(t)
	both := []string{"a", "b"}
	stores := []store{{reference.queries, both, true}, {victoria.url, both, true}}
	var shards []string
	for _, cluster := range both {
		shard := startReceiver(t, fmt.Sprintf("global: {external_labels: {cluster: %s}}\n", cluster))
		stores = append(stores, store{shard.url, []string{cluster}, false})
		shards = append(shards, shard.url)
	}
	hosts := twoClusters(t)
	fed := feed(t, stores, hosts)

	assets := assetsFor(t, "--cluster-label=cluster")
	rules := hasty(t, filepath.Join(assets, "alerts", "cryptojack.rules.yml"))
	giveRules(rules)
	answering := 0 // which the last sample shows
	for _, h := range hosts {
		if h.answers() {
			answering++
		}
	}
	engine{name: "VictoriaMetrics", queries: victoria.url}.hasHosts(t, answering)
	engines := []engine{reference, startThanos(t, shards, answering, rules), startVMAlert(t, victoria.url, rules)}

	expected := alertsIn(t, rules)
	eventually(t, time.Minute, "the alerts about what hosts say fire everywhere", func() error { return allFire(engines, expected, changes()) })
	fed.change(func(next time.Duration) { wave(t, hosts, next) })
	eventually(t, time.Minute, "all alerts fire everywhere", func() error { return allFire(engines, expected, nil) })
	eventually(t, time.Minute, "all page for the same in the same words", func() error { return sameAlerts(engines) })
	clustersStayApart(t, reference)
	var open []shippedQuery
	for _, d := range shippedIn(t, filepath.Join(assets, "dashboards")) {
		open = append(open, d.queriesOf("f853cd7dfcf9", "1m")...)
	}
	// What rules have recorded is there a little later in one than in the other.
	eventually(t, time.Minute, "every query of the dashboards has the same answer everywhere", func() error {
		at := fed.lastTime()
		var all error
		open = slices.DeleteFunc(open, func(q shippedQuery) bool {
			err := sameAnswers(engines, q, at)
			all = errors.Join(all, err)
			return err == nil
		})
		return all
	})
}
