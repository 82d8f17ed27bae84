package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// campaign is a suspect that two hosts have.
const campaign = "0123456789ab"

// always is what every exporter has; the rest of a host is added to it.
const always = `
cryptojack_exporter_build_info{version="1"} 1
cryptojack_cpus 4
cryptojack_cpu_busy_seconds_total 100
cryptojack_cpu_unattributed_seconds_total 0
cryptojack_origin_cpu_seconds_total{origin="temp",isolation="host"} 50
cryptojack_origin_respawns_total{origin="temp",isolation="host"} 5
cryptojack_suspects{severity="warning"} 0
cryptojack_process_cpu_seconds_total{process="bash",origin="system",user="root"} 7
`

// mined has everything twice that a join or a table could stumble over: two
// verdicts, two guardians and two entries of one suspect.
const mined = `
cryptojack_visibility_ratio{aspect="exe"} 1
cryptojack_suspects{severity="critical"} 1
cryptojack_findings{rule="exposed_service",severity="critical"} 1
cryptojack_findings{rule="exposed_service",severity="warning"} 0
cryptojack_suspect_info{suspect="0123456789ab",comm="NAME",exe="/tmp/NAME",user="flink",unit="",container_id="",origin="temp",severity="critical",rule="known_miner_name"} 1
cryptojack_suspect_info{suspect="0123456789ab",comm="NAME",exe="/tmp/NAME",user="flink",unit="",container_id="",origin="temp",severity="warning",rule="runs_from_temp"} 1
cryptojack_suspect_info{suspect="ba9876543210",comm="perl",exe="/usr/bin/perl",user="flink",unit="",container_id="",origin="system",severity="warning",rule="forged_arguments"} 1
cryptojack_suspect_guardian_info{suspect="0123456789ab",comm="kinsing",exe="/var/tmp/kinsing",relation="parent"} 1
cryptojack_suspect_guardian_info{suspect="0123456789ab",comm="cron",exe="/etc/cron.d/x",relation="cron"} 1
cryptojack_suspect_guardian_pid{suspect="0123456789ab"} 41
cryptojack_suspect_entry_info{suspect="0123456789ab",app="flink",process="java",port="8081"} 1
cryptojack_suspect_entry_info{suspect="0123456789ab",app="redis",process="redis-server",port="6379"} 1
cryptojack_suspect_pid{suspect="0123456789ab"} 42
cryptojack_suspect_cpu_seconds_total{suspect="0123456789ab"} 9
cryptojack_suspect_cpu_seconds_total{suspect="ba9876543210"} 9
cryptojack_suspect_respawns_total{suspect="0123456789ab"} 3
cryptojack_suspect_first_seen_timestamp_seconds{suspect="0123456789ab"} 1.7e9
cryptojack_suspect_last_seen_timestamp_seconds{suspect="0123456789ab"} 1.8e9
cryptojack_process_cpu_seconds_total{process="/tmp#012345",origin="temp",user="flink"} 9
cryptojack_process_cpu_seconds_total{process="perl",origin="system",user="flink"} 9
cryptojack_suspicious_file_info{path="/tmp/NAME",reason="running",user="flink",sha256="0123456789ab"} 1
cryptojack_suspicious_file_modified_timestamp_seconds{path="/tmp/NAME"} 1.7e9
cryptojack_exposed_services{app="flink",scope="any",auth="none"} 1
`

// quiet is a host without a suspect, that sees a share of what there is.
const quiet = `
cryptojack_visibility_ratio{aspect="exe"} SHARE
cryptojack_suspects{severity="critical"} 0
cryptojack_findings{rule="exposed_service",severity="critical"} 0
cryptojack_findings{rule="exposed_service",severity="warning"} 1
`

// TestDashboardsOfManyHosts asks every query of every dashboard about five
// hosts: two with the same miner, a blind one, a quiet one of another job, and
// one that does not answer. No query fails, none doubles a line of its table,
// and the numbers are right, with the newest Prometheus and with Debian 12's.
func TestDashboardsOfManyHosts(t *testing.T) {
	for name, binary := range map[string]string{"oldest": installed(t, "prometheus"), "newest": program(t, "prometheus")} {
		t.Run(name, func(t *testing.T) { dashboardsOfManyHosts(t, binary) })
	}
}

func dashboardsOfManyHosts(t *testing.T, binary string) {
	prometheus := startOnHosts(t, binary, map[string][]string{
		"cryptojack": {
			always + strings.ReplaceAll(mined, "NAME", "kdevtmpfsi"),
			always + strings.ReplaceAll(mined, "NAME", "x9f3ka"),
			always + strings.ReplaceAll(quiet, "SHARE", "0.5"),
			"",
		},
		"other": {always + strings.ReplaceAll(quiet, "SHARE", "1")},
	})
	all := shipped(t)
	wanted := map[string]string{
		"Hosts A": "4", "Mined now A": "2", "Suspicious A": "0", "Open to anybody A": "2", "Exposed A": "2", "Blind A": "1", "Silent A": "1",
	}
	eventually(t, 30*time.Second, "the fleet's numbers are right", func() error {
		for _, q := range all["cryptojack-fleet"].queries(campaign) {
			want, ok := wanted[q.where]
			if !ok {
				continue
			}
			rows, err := q.run(prometheus)
			if err != nil || len(rows) != 1 || rows[0].last() != want {
				return fmt.Errorf("%s: %v (%w), want %s: %s", q.where, rows, err, want, q.expr)
			}
		}
		return nil
	})
	eventually(t, 30*time.Second, "every host was scraped twice and more, which a rate needs", func() error {
		rows, err := ask(prometheus, "query", url.Values{"query": {"count_over_time(up[1m]) < 3 or absent(up)"}})
		if err == nil && len(rows) > 0 {
			err = fmt.Errorf("%v", rows)
		}
		return err
	})
	for _, d := range all {
		for _, q := range d.queries(campaign) {
			if _, err := q.run(prometheus); err != nil {
				t.Errorf("%s: %s: %v", d.UID, q.where, err)
			}
		}
		for _, p := range d.Panels {
			if p.Type == "table" && len(p.Targets) > 1 {
				linesAreSingle(t, prometheus, d, p.Title)
			}
		}
	}
	processesAreNoSuspects(t, prometheus, all["cryptojack-host"])
	draw(t, prometheus, all["cryptojack-fleet"], campaign, "cryptojack-fleet-of-five")
}

// linesAreSingle holds that each query of a table has one row for each value of
// the labels that all of them have: Grafana merges the lines by these.
func linesAreSingle(t *testing.T, prometheus string, d shippedDashboard, title string) {
	t.Helper()
	var answers [][]answerRow
	var key []string
	for _, q := range d.queries(campaign) {
		if !strings.HasPrefix(q.where, title+" ") {
			continue
		}
		rows, err := q.run(prometheus)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, rows)
		grouping := groupingOf(t, q.expr)
		if key == nil {
			key = grouping
		}
		key = slices.DeleteFunc(key, func(label string) bool { return !slices.Contains(grouping, label) })
	}
	for i, rows := range answers {
		taken := map[string]bool{}
		for _, r := range rows {
			var id []string
			for _, label := range key {
				id = append(id, r.Metric[label])
			}
			if line := strings.Join(id, " "); taken[line] {
				t.Errorf("%s: %s: query %c has two rows for %s %s", d.UID, title, 'A'+i, key, line)
			} else {
				taken[line] = true
			}
		}
	}
}

// groupingOf are the labels that the outermost aggregation but topk leaves.
func groupingOf(t *testing.T, query string) []string {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Fatal(err)
	}
	var grouping []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if a, ok := node.(*parser.AggregateExpr); ok && grouping == nil && a.Op != parser.TOPK {
			grouping = slices.Clone(a.Grouping)
		}
		return nil
	})
	return grouping
}

// processesAreNoSuspects: the suspects stand in the graph of the CPU in red, so
// that their groups of processes must not stand there once more.
func processesAreNoSuspects(t *testing.T, prometheus string, d shippedDashboard) {
	t.Helper()
	for _, q := range d.queries(campaign) {
		if q.where != "CPU by process B" {
			continue
		}
		rows, err := q.run(prometheus)
		if err != nil || len(rows) == 0 {
			t.Fatalf("%v, %v", rows, err)
		}
		for _, r := range rows {
			if r.Metric["process"] != "bash" {
				t.Errorf("a suspect counts twice: %v", r.Metric)
			}
		}
	}
}

// startOnHosts starts Prometheus on hosts with these metrics, by their jobs. A host
// without metrics answers with an error.
func startOnHosts(t *testing.T, binary string, jobs map[string][]string) string {
	t.Helper()
	config := "global: {scrape_interval: 1s}\nscrape_configs:\n"
	for job, hosts := range jobs {
		var targets []string
		for _, metrics := range hosts {
			server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
				if metrics == "" {
					response.WriteHeader(http.StatusServiceUnavailable)
				}
				response.Header().Set("Content-Type", "text/plain; version=0.0.4")
				fmt.Fprint(response, metrics)
			}))
			t.Cleanup(server.Close)
			targets = append(targets, fmt.Sprintf("%q", server.Listener.Addr()))
		}
		config += fmt.Sprintf("  - job_name: %s\n    static_configs: [{targets: [%s]}]\n", job, strings.Join(targets, ", "))
	}
	return startServer(t, programs.Prometheus(binary, writeFile(t, t.TempDir(), "prometheus.yml", config))).url
}
