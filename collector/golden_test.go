package collector

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

var updateGolden = flag.Bool("update", false, "write testdata/metrics.txt anew")

// infected is a host in the middle of the incident.
func infected() *snapshots {
	now := time.Unix(1_764_000_000, 0)
	meta := func(visibility map[model.Aspect]model.Share) model.Meta {
		return model.Meta{
			Time: now, Interval: 5 * time.Second, Visibility: visibility,
			ReadErrors: map[model.ReadError]uint64{{Aspect: model.AspectExe, Reason: model.ReasonPermission}: 3},
		}
	}
	temp := model.OriginKey{Origin: model.OriginTemp, Isolation: model.IsolationHost}
	used := model.CPUTotals{CPUSeconds: 582.5, Starts: 16, Respawns: 14, Processes: 2}
	processes := &model.ProcessSnapshot{
		Meta: meta(map[model.Aspect]model.Share{model.AspectStat: {Readable: 9, Total: 9}, model.AspectExe: {Readable: 8, Total: 9}}),
		CPUs: 8, BusySeconds: 700.25, Unattributed: 0.5,
		Sources:    map[model.Source]bool{model.SourcePoll: true, model.SourceConnector: true},
		EventsLost: map[model.Source]uint64{model.SourceConnector: 2},
		Origins:    map[model.OriginKey]model.CPUTotals{temp: used},
		GPU:        &model.GPUTotals{Seconds: map[model.OriginKey]float64{temp: 4.5}},
		Groups: []model.GroupTotals{
			{GroupKey: model.GroupKey{Process: "/tmp#f853cd", Origin: model.OriginTemp, User: "flink"}, CPUTotals: used, TopPID: 300},
			{GroupKey: model.GroupKey{Process: "other", Origin: model.OriginSystem, User: "other"}},
		},
		GroupSlots: model.Slots{Used: 1, Limit: 64},
	}
	files := &model.FileSnapshot{
		Meta:        meta(map[model.Aspect]model.Share{model.AspectTemp: {Readable: 4, Total: 4}}),
		Directories: []string{"/tmp"}, Truncated: map[string]bool{},
		Counts: map[model.FileCount]int{{Directory: "/tmp", Reason: model.FileRunning}: 1},
		Files: []model.File{{
			Path: "/tmp/kdevtmpfsi", Directory: "/tmp", Reason: model.FileRunning, KnownMiner: true, User: "flink",
			SHA256: strings.Repeat("f853cd7dfcf9", 5) + "0000", Modified: now.Add(-time.Hour),
		}},
	}
	sockets := &model.SocketSnapshot{
		Meta: meta(map[model.Aspect]model.Share{model.AspectNetns: {Readable: 4, Total: 4}, model.AspectFd: {Readable: 9, Total: 9}}),
		Apps: []string{"docker", "flink"},
		Sockets: []model.Socket{
			{Protocol: model.TCP, Address: "0.0.0.0", Port: 8081, Scope: model.ScopeAny, OwnerExe: "/usr/lib/jvm/bin/java", App: "flink", Confidence: model.ConfidenceEvidence},
			{Protocol: model.UDP, Address: "127.0.0.1", Port: 323, Scope: model.ScopeLoopback, OwnerComm: "chronyd"},
		},
	}
	persistence := &model.PersistenceSnapshot{
		Meta:    meta(map[model.Aspect]model.Share{model.AspectPersistence: {Readable: 7, Total: 7}}),
		Counts:  map[model.PersistenceKind]int{model.PersistenceCrontab: 3},
		Changes: map[model.PersistenceChangeKey]uint64{{Kind: model.PersistenceCrontab, Change: model.PersistenceAdded}: 1},
		Entries: []model.PersistenceEntry{
			{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/apache", Line: 1, Reason: model.PersistenceFetchAndRun},
			{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/apache", Line: 2, Reason: model.PersistenceFetchAndRun},
			{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/e2scrub_all", Line: 1},
		},
	}
	services := &model.ServiceSnapshot{
		Meta:        meta(map[model.Aspect]model.Share{model.AspectSubmissionLog: {Readable: 1, Total: 1}}),
		Apps:        []string{"docker", "flink"},
		Submissions: map[model.SubmissionEvent]uint64{model.SubmissionUpload: 1, model.SubmissionRun: 2},
	}
	found := &model.Findings{
		Exposures: []model.Exposure{{App: "flink", Scope: model.ScopeAny, Auth: model.AuthNone}},

		Pools:    map[model.PoolMatch]int{model.PoolPort: 1},
		Exempted: map[model.Exemption]uint64{model.ExemptBuildTool: 2},
		Time:     now,
		Active: []model.Finding{{
			ID: "suspect:f853cd7dfcf9", Rule: "known_miner_name", Severity: model.Critical, FirstSeen: now.Add(-time.Minute), LastSeen: now,
			Suspect: &model.Suspect{
				ID: "f853cd7dfcf9", Running: true, Instances: 1, PIDs: []int{300}, Respawns: 14, CPUSeconds: 580,
				Process: model.Process{
					Identity: model.Identity{PID: 300}, Comm: "kdevtmpfsi", Exe: "/tmp/kdevtmpfsi", User: "flink", Unit: "flink.service",
					ContainerID: "3f9a1c0b2d4e", Isolation: model.IsolationContainer, Origin: model.OriginTemp,
					Container: &model.Container{
						ID: "3f9a1c0b2d4e" + strings.Repeat("0", 52), Runtime: model.RuntimeDocker, HostRuntime: true, Name: "flink-taskmanager-1", Image: "flink:1.20",
					},
				},
				Guardian: &model.Guardian{Relation: model.RelationParent, PID: 200, Comm: "kinsing", Exe: "/var/tmp/kinsing"},
				Entry:    &model.Entry{App: "flink", Process: "java", Port: 8081},
			},
		}},
		Raised: map[model.RuleSeverity]uint64{{Rule: "known_miner_name", Severity: model.Critical}: 1},
	}
	return &snapshots{
		processes: processes, files: files, sockets: sockets, persistence: persistence, services: services, findings: found,
		self: &model.SelfSnapshot{Gaps: gapCounts()},
	}
}

// TestGolden holds every name, help text, type, label and value of the
// collectors. Only how long formatting took differs each time.
func TestGolden(t *testing.T) {
	t.Parallel()
	families, err := gather(t, infected().set()).Gather()
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
