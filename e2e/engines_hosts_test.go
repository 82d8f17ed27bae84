package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/promql/parser"
)

// simulatedHost is what one exporter says over time, or another target of a host.
type simulatedHost struct {
	cluster, job, instance string
	series                 map[string]*simulatedSeries // by name and labels as they are written
}

// simulatedSeries is one series over time. Its phases are in the order of time.
type simulatedSeries struct {
	labels []prompb.Label
	phases []phase
}

// phase is what a series is from a moment on.
type phase struct {
	from      time.Duration // since what is live begins
	value     float64
	perSecond float64 // how fast it grows, from the beginning of the past on
	isTime    bool    // value is added to the clock
	absent    bool
}

// always of a host: before everything that is written.
const beforeAll = -1000 * time.Hour

func newTarget(cluster, job, instance string) *simulatedHost {
	h := &simulatedHost{cluster, job, instance, map[string]*simulatedSeries{}}
	return h
}

// quietHost is an exporter that has every series of the golden file, and nothing to report.
func quietHost(t *testing.T, cluster, instance string) *simulatedHost {
	t.Helper()
	golden, err := os.ReadFile("../collector/testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	h := newTarget(cluster, "cryptojack", instance)
	for line := range strings.Lines(string(golden)) {
		name, _, _ := strings.Cut(line, "{")
		switch {
		case strings.HasPrefix(line, "#"), strings.HasPrefix(name, "cryptojack_suspect_"), strings.HasPrefix(name, "cryptojack_suspicious_file_"),
			name == "cryptojack_persistence_info", strings.Contains(line, `process="/tmp#`), strings.Contains(line, `app="flink",port=`):
			continue // what names a suspect, or comes and goes
		}
		h.set(t, beforeAll, line)
	}
	h.set(t, beforeAll, `
up 1
cryptojack_exporter_build_info{version="1"} 1
cryptojack_config_last_reload_successful 1
cryptojack_indicators_modified_timestamp_seconds{kind="hash"} 0
cryptojack_cpu_busy_seconds_total 700 +2
cryptojack_origin_cpu_seconds_total{isolation="host",origin="system"} 9 +1.5
cryptojack_process_cpu_seconds_total{origin="system",process="bash",user="root"} 7 +1.5
cryptojack_process_cpu_seconds_total{origin="system",process="other",user="other"} 7 +0.5
cryptojack_origin_cpu_seconds_total{isolation="host",origin="temp"} 0
cryptojack_origin_gpu_seconds_total{isolation="host",origin="temp"} 0
cryptojack_origin_processes{isolation="host",origin="temp"} 0
cryptojack_origin_respawns_total{isolation="host",origin="temp"} 0
cryptojack_origin_starts_total{isolation="host",origin="temp"} 0
cryptojack_origin_starts_total{isolation="host",origin="system"} 9 +3
cryptojack_events_lost_total{source="proc_connector"} 0
cryptojack_exposed_services{app="flink",auth="none",scope="any"} 0
cryptojack_findings{rule="known_miner_name",severity="critical"} 0
cryptojack_flink_log_events_total{event="jar_run"} 0
cryptojack_panics_total{component="process"} 0
cryptojack_pool_connections{match="port"} 0
cryptojack_read_errors_total{aspect="exe",reason="permission"} 9 +0.25
cryptojack_suspects{severity="critical"} 0
cryptojack_suspicious_files{directory="/tmp",reason="running"} 0
cryptojack_visibility_ratio{aspect="exe"} 1
cryptojack_event_source_active{source="task_iterator"} 1
cryptojack_event_source_active{source="taskstats"} 1
cryptojack_last_sample_timestamp_seconds{sensor="files"} -2 now
cryptojack_last_sample_timestamp_seconds{sensor="process"} -1 now
cryptojack_last_sample_timestamp_seconds{sensor="sockets"} -3 now
cryptojack_sample_duration_seconds_sum{sensor="process"} 1 +0.01
cryptojack_sample_duration_seconds_count{sensor="process"} 9 +0.2
`)
	for _, rule := range []string{"exposed_service", "cpu_unattributed", "persistence_entry", "exporter_tampered", "allow_list_expired"} {
		for _, severity := range []string{"critical", "warning", "info"} {
			h.set(t, beforeAll, `cryptojack_findings{rule="`+rule+`",severity="`+severity+`"} 0`)
		}
	}
	return h
}

// set makes series have other values from a moment on: name and labels, the value, and,
// if it grows, by how much a second, or "now" if the value is added to the clock.
func (h *simulatedHost) set(t *testing.T, from time.Duration, exposition string) {
	t.Helper()
	for line := range strings.Lines(exposition) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		cut := strings.LastIndexByte(line, '}') + 1
		if cut == 0 {
			cut = strings.IndexByte(line, ' ')
		}
		p := phase{from: from}
		for i, word := range strings.Fields(line[cut:]) {
			number, err := strconv.ParseFloat(word, 64)
			switch {
			case i == 1 && word == "now":
				p.isTime = true
			case err != nil:
				t.Fatalf("%s: %v", line, err)
			case i == 1:
				p.perSecond = number
			default:
				p.value = number
			}
		}
		one := h.named(t, line[:cut])
		one.phases = append(one.phases, p)
	}
}

func (h *simulatedHost) named(t *testing.T, name string) *simulatedSeries {
	t.Helper()
	if one, there := h.series[name]; there {
		return one
	}
	written, err := parser.NewParser(parser.Options{}).ParseMetric(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	one := &simulatedSeries{}
	for label, value := range written.Map() {
		if value != "" { // which is no label
			one.labels = append(one.labels, prompb.Label{Name: label, Value: value})
		}
	}
	one.labels = append(one.labels, prompb.Label{Name: "job", Value: h.job}, prompb.Label{Name: "instance", Value: h.instance})
	h.series[name] = one
	return one
}

// endsAt: the host says nothing from a moment on. Its target is still known and down,
// or unknown.
func (h *simulatedHost) endsAt(t *testing.T, from time.Duration, known bool) {
	t.Helper()
	for _, one := range h.series {
		one.phases = append(one.phases, phase{from: from, absent: true})
	}
	if known {
		h.set(t, from, "up 0")
	}
}

// at is the value at a time, if there is one.
func (s *simulatedSeries) at(at, begin time.Time) (value float64, there bool) {
	age := at.Sub(begin)
	for _, p := range slices.Backward(s.phases) {
		if p.from > age {
			continue
		}
		if p.isTime {
			return float64(at.Unix()) + p.value, true
		}
		return p.value + p.perSecond*(age+past).Seconds(), !p.absent
	}
	return 0, false
}

// answers: it is an exporter that says something when what is live begins.
func (h *simulatedHost) answers() bool {
	one := h.series[`cryptojack_exporter_build_info{version="1"}`]
	if one == nil {
		return false
	}
	_, there := one.at(time.Unix(0, 0), time.Unix(0, 0))
	return there
}

// infection is a host that has everything that the rules can page for, with a miner
// under these names.
const infection = `
cryptojack_suspect_info{comm="NAME",container_id="CONTAINER",exe="/tmp/NAME",origin="temp",rule="known_miner_name",severity="critical",suspect="f853cd7dfcf9",unit="flink.service",user="flink"} 1
cryptojack_suspect_guardian_info{comm="kinsing",exe="/var/tmp/GUARDIAN",relation="parent",suspect="f853cd7dfcf9"} 1
cryptojack_suspect_guardian_pid{suspect="f853cd7dfcf9"} PID00
cryptojack_suspect_entry_info{app="flink",port="8081",process="java",suspect="f853cd7dfcf9"} 1
cryptojack_suspect_pid{suspect="f853cd7dfcf9"} PID77
cryptojack_suspect_cpu_seconds_total{suspect="f853cd7dfcf9"} 580 +0.875
cryptojack_suspect_respawns_total{suspect="f853cd7dfcf9"} 14 +0.02
cryptojack_suspect_first_seen_timestamp_seconds{suspect="f853cd7dfcf9"} 1.76399994e+09
cryptojack_suspect_last_seen_timestamp_seconds{suspect="f853cd7dfcf9"} 1.764e+09
cryptojack_process_cpu_seconds_total{origin="temp",process="/tmp#f853cd",user="flink"} 582 +0.875
cryptojack_process_respawns_total{origin="temp",process="/tmp#f853cd",user="flink"} 14 +0.02
cryptojack_origin_cpu_seconds_total{isolation="host",origin="temp"} 582 +0.875
cryptojack_origin_gpu_seconds_total{isolation="host",origin="temp"} 5 +0.125
cryptojack_origin_respawns_total{isolation="host",origin="temp"} 14 +0.02
cryptojack_origin_starts_total{isolation="host",origin="temp"} 16 +0.02
cryptojack_cpu_unattributed_seconds_total 5 +1.3
cryptojack_suspicious_file_info{path="/tmp/NAME",reason="elf",sha256="f853cd7dfcf9",user="flink"} 1
cryptojack_suspicious_file_modified_timestamp_seconds{path="/tmp/NAME"} 1.7639964e+09
cryptojack_suspicious_files{directory="/tmp",reason="elf"} 1
cryptojack_suspicious_files{directory="/tmp",reason="running"} 1
cryptojack_persistence_info{kind="crontab",path="/etc/cron.d/NAME",reason="fetch_and_run"} 1
cryptojack_persistence_changes_total{change="added",kind="crontab"} 1 +0.03125
cryptojack_pool_connections{match="port"} 1
cryptojack_exposed_services{app="flink",auth="none",scope="any"} 1
cryptojack_listening_socket_info{address="0.0.0.0",app="flink",port="8081",process="java",protocol="tcp",scope="any"} 1
cryptojack_findings{rule="known_miner_name",severity="critical"} 1
cryptojack_findings{rule="cpu_unattributed",severity="warning"} 1
cryptojack_findings{rule="persistence_entry",severity="warning"} 1
cryptojack_findings{rule="exposed_service",severity="critical"} 1
cryptojack_findings{rule="exposed_service",severity="warning"} 1
cryptojack_findings{rule="exposed_service",severity="info"} 1
`

// suspicion is a second suspect of such a host. What is in its name is no PromQL.
const suspicion = `
cryptojack_suspect_info{comm="x",container_id="",exe="/var/tmp/it's \"}[5m]) {{ or }} $1",origin="memfd",rule="runs_from_temp",severity="warning",suspect="00112233aabb",unit="",user="www-data"} 1
cryptojack_suspect_pid{suspect="00112233aabb"} PID88
cryptojack_suspect_last_seen_timestamp_seconds{suspect="00112233aabb"} 1.764e+09
cryptojack_suspect_first_seen_timestamp_seconds{suspect="00112233aabb"} 1.763e+09
cryptojack_suspect_cpu_seconds_total{suspect="00112233aabb"} 1 +0.25
`

// blindness is an exporter of which everything fails that an alert is about.
const blindness = `
cryptojack_visibility_ratio{aspect="exe"} 0.5
cryptojack_event_source_active{source="taskstats"} 0
cryptojack_last_sample_timestamp_seconds{sensor="files"} -1000 now
cryptojack_findings{rule="exporter_tampered",severity="warning"} 1
cryptojack_findings{rule="allow_list_expired",severity="warning"} 1
cryptojack_scrape_collector_success{collector="files"} 0
cryptojack_config_last_reload_successful 0
cryptojack_indicators_modified_timestamp_seconds{kind="hash"} -2700000 now
cryptojack_slots{state="used",table="groups"} 64
`

// slowLosses are counters of such an exporter. The texts of alerts give increases as whole
// numbers, so that all engines must come to the same: they grow slowly.
const slowLosses = `
cryptojack_events_lost_total{source="proc_connector"} 0 +0.02
cryptojack_sampling_gaps_total{reason="stopped"} 0 +0.02
cryptojack_panics_total{component="process"} 0 +0.02
cryptojack_notifications_total{result="failed"} 0 +0.02
cryptojack_process_starts_total{origin="system",process="other",user="other"} 9 +2.5
`

// twoClusters are hosts of two clusters whose addresses are the same.
func twoClusters(t *testing.T) []*simulatedHost {
	t.Helper()
	var all []*simulatedHost
	for _, cluster := range []string{"a", "b"} {
		names := map[string]*strings.Replacer{
			"a": strings.NewReplacer("NAME", "kdevtmpfsi", "GUARDIAN", "kinsing", "PID", "1", "CONTAINER", ""),
			"b": strings.NewReplacer("NAME", "x9f3ka", "GUARDIAN", "kb4dks", "PID", "2", "CONTAINER", "0123456789ab"),
		}[cluster]
		mined := quietHost(t, cluster, "10.0.0.1:10042")
		mined.set(t, beforeAll, names.Replace(infection+suspicion))
		if cluster == "b" {
			mined.set(t, beforeAll, `cryptojack_suspect_container_info{container_id="0123456789ab",container_name="web",image="shop:1.2",kube_namespace="",kube_pod="",runtime="docker",suspect="f853cd7dfcf9"} 1`)
		}
		// Both within the last ten minutes, as CryptojackFlinkJarRun asks.
		mined.set(t, -4*time.Minute, "cryptojack_suspects{severity=\"critical\"} 1\ncryptojack_suspects{severity=\"warning\"} 1\ncryptojack_flink_log_events_total{event=\"jar_run\"} 1")

		blind := quietHost(t, cluster, "10.0.0.3:10042")
		blind.set(t, beforeAll, slowLosses)
		blind.set(t, -10*time.Minute, blindness)

		ended := quietHost(t, cluster, "10.0.0.4:10042")
		ended.endsAt(t, -6*time.Minute, true)
		node := newTarget(cluster, "node", "10.0.0.4:9100")
		node.set(t, beforeAll, "up 1")
		down := quietHost(t, cluster, "10.0.0.5:10042")
		down.endsAt(t, -6*time.Minute, true)
		gone := quietHost(t, cluster, "10.0.0.6:10042")
		gone.set(t, beforeAll, "instance:cryptojack_exporter_seen:time 0 now") // as the rules have recorded then
		gone.endsAt(t, -15*time.Minute, false)
		givenUp := quietHost(t, cluster, "10.0.0.10:10042")
		givenUp.set(t, beforeAll, "instance:cryptojack_exporter_seen:time 0 now\ninstance:cryptojack_exporter_accompanied:time 0 now")
		givenUp.endsAt(t, -15*time.Minute, false)

		all = append(all, mined, blind, ended, node, down, gone, givenUp,
			quietHost(t, cluster, "10.0.0.7:10042"), quietHost(t, cluster, "10.0.0.8:10042"), quietHost(t, cluster, "10.0.0.9:10042"))
		if cluster == "a" {
			same := quietHost(t, cluster, "10.0.0.2:10042")
			same.set(t, beforeAll, names.Replace(infection)+`cryptojack_suspects{severity="critical"} 1`)
			all = append(all, same)
		}
	}
	return all
}

// wave takes over the hosts that were quiet.
func wave(t *testing.T, hosts []*simulatedHost, from time.Duration) {
	t.Helper()
	for _, h := range hosts {
		if slices.Contains([]string{"10.0.0.7:10042", "10.0.0.8:10042", "10.0.0.9:10042"}, h.instance) {
			h.set(t, from, `
cryptojack_suspects{severity="critical"} 1
cryptojack_origin_respawns_total{isolation="host",origin="temp"} 10
cryptojack_findings{rule="exposed_service",severity="critical"} 1
cryptojack_exposed_services{app="redis",auth="none",scope="any"} 1
`)
		}
	}
}
