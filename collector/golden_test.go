package collector

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

var updateGolden = flag.Bool("update", false, "write testdata/metrics.txt anew")

// infected is a host in the middle of the incident.
func infected() *Set {
	now := time.Unix(1_764_000_000, 0)
	meta := func(visibility map[host.Aspect]host.Share) host.Meta {
		return host.Meta{
			Time: now, Interval: 5 * time.Second, Visibility: visibility,
			ReadErrors: map[host.ReadError]uint64{{Aspect: host.AspectExe, Reason: host.ReasonPermission}: 3},
		}
	}
	temp := host.OriginKey{Origin: host.OriginTemp, Namespace: host.NamespaceHost}
	used := host.CPUTotals{CPUSeconds: 582.5, Starts: 16, Respawns: 14, Processes: 2}
	processes := &host.ProcessSnapshot{
		Meta: meta(map[host.Aspect]host.Share{host.AspectStat: {Readable: 9, Total: 9}, host.AspectExe: {Readable: 8, Total: 9}}),
		CPUs: 8, BusySeconds: 700.25, Unattributed: 0.5,
		Sources:    map[host.Source]bool{host.SourcePoll: true, host.SourceConnector: true},
		EventsLost: map[host.Source]uint64{host.SourceConnector: 2},
		Origins:    map[host.OriginKey]host.CPUTotals{temp: used},
		Groups: []host.GroupTotals{
			{GroupKey: host.GroupKey{Process: "/tmp#f853cd", Origin: host.OriginTemp, User: "flink"}, CPUTotals: used, TopPID: 300},
			{GroupKey: host.GroupKey{Process: "other", Origin: host.OriginSystem, User: "other"}},
		},
		GroupSlots: host.Slots{Used: 1, Limit: 64},
	}
	files := &host.FileSnapshot{
		Meta:        meta(map[host.Aspect]host.Share{host.AspectTemp: {Readable: 4, Total: 4}}),
		Directories: []string{"/tmp"}, Truncated: map[string]bool{},
		Counts: map[host.FileCount]int{{Directory: "/tmp", Reason: host.FileRunning}: 1},
		Files: []host.File{{
			Path: "/tmp/kdevtmpfsi", Directory: "/tmp", Reason: host.FileRunning, KnownMiner: true, User: "flink",
			SHA256: strings.Repeat("f853cd7dfcf9", 5) + "0000", Modified: now.Add(-time.Hour),
		}},
	}
	sockets := &host.SocketSnapshot{
		Meta: meta(map[host.Aspect]host.Share{host.AspectNetns: {Readable: 4, Total: 4}, host.AspectFd: {Readable: 9, Total: 9}}),
		Apps: []string{"docker", "flink"},
		Sockets: []host.Socket{
			{Protocol: host.TCP, Address: "0.0.0.0", Port: 8081, Scope: host.ScopeAny, OwnerExe: "/usr/lib/jvm/bin/java", App: "flink", Confidence: host.ConfidenceEvidence},
			{Protocol: host.UDP, Address: "127.0.0.1", Port: 323, Scope: host.ScopeLoopback, OwnerComm: "chronyd"},
		},
	}
	persistence := &host.PersistenceSnapshot{
		Meta:    meta(map[host.Aspect]host.Share{host.AspectPersistence: {Readable: 7, Total: 7}}),
		Counts:  map[host.PersistenceKind]int{host.PersistenceCrontab: 3},
		Changes: map[host.PersistenceChangeKey]uint64{{Kind: host.PersistenceCrontab, Change: host.PersistenceAdded}: 1},
		Entries: []host.PersistenceEntry{
			{Kind: host.PersistenceCrontab, Path: "/etc/cron.d/apache", Line: 1, Reason: host.PersistenceFetchAndRun},
			{Kind: host.PersistenceCrontab, Path: "/etc/cron.d/apache", Line: 2, Reason: host.PersistenceFetchAndRun},
			{Kind: host.PersistenceCrontab, Path: "/etc/cron.d/e2scrub_all", Line: 1},
		},
	}
	services := &host.ServiceSnapshot{
		Meta:        meta(map[host.Aspect]host.Share{host.AspectFlinkLog: {Readable: 1, Total: 1}}),
		Apps:        []string{"docker", "flink"},
		FlinkEvents: map[host.FlinkEvent]uint64{host.FlinkJarUpload: 1, host.FlinkJarRun: 2},
	}
	found := &host.Findings{
		Exposures: []host.Exposure{{App: "flink", Scope: host.ScopeAny, Auth: host.AuthNone}},

		Pools:    map[host.PoolMatch]int{host.PoolPort: 1},
		Exempted: map[host.Exemption]uint64{host.ExemptBuildTool: 2},
		Time:     now,
		Active: []host.Finding{{
			ID: "suspect:f853cd7dfcf9", Rule: "known_miner_name", Severity: host.Critical, FirstSeen: now.Add(-time.Minute), LastSeen: now,
			Suspect: &host.Suspect{
				ID: "f853cd7dfcf9", Running: true, Instances: 1, PIDs: []int{300}, Respawns: 14, CPUSeconds: 580,
				Process: host.Process{
					Identity: host.Identity{PID: 300}, Comm: "kdevtmpfsi", Exe: "/tmp/kdevtmpfsi", User: "flink", Unit: "flink.service",
					Container: "", Origin: host.OriginTemp,
				},
				Guardian: &host.Guardian{Relation: host.RelationParent, PID: 200, Comm: "kinsing", Exe: "/var/tmp/kinsing"},
				Entry:    &host.Entry{App: "flink", Process: "java", Port: 8081},
			},
		}},
		Raised: map[host.RuleSeverity]uint64{{Rule: "known_miner_name", Severity: host.Critical}: 1},
	}
	return full(processes, files, sockets, persistence, services, found)
}

// TestGolden holds every name, help text, type, label and value of the
// collectors. Only how long formatting took differs each time.
func TestGolden(t *testing.T) {
	t.Parallel()
	families, err := gather(t, infected()).Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for _, family := range families {
		if family.GetName() == "cryptojack_scrape_collector_duration_seconds" {
			for _, metric := range family.Metric {
				metric.Gauge.Value = new(float64)
			}
		}
		if _, err := expfmt.MetricFamilyToText(&got, family); err != nil {
			t.Fatal(err)
		}
	}
	const golden = "testdata/metrics.txt"
	if *updateGolden {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("%s differs; if it should, run `go test ./collector -update` and read the difference (-want +got):\n%s", golden, diff)
	}
}

func BenchmarkScrape(b *testing.B) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(unchecked{hostile()})
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
