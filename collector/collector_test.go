package collector

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// snapshots is what a test has the sensors publish. A nil one is that of a sensor
// that has not finished its first sample.
type snapshots struct {
	processes   *model.ProcessSnapshot
	files       *model.FileSnapshot
	sockets     *model.SocketSnapshot
	persistence *model.PersistenceSnapshot
	services    *model.ServiceSnapshot
	findings    *model.Findings
	self        *model.SelfSnapshot

	rules []model.RuleSeverity // the pairs that exist at 0 from the first scrape; those of two rules if nil
}

// collectors makes every collector of the exporter over the snapshots.
func (s *snapshots) collectors() []Collector {
	rules := s.rules
	if rules == nil {
		for _, severity := range model.Severities() {
			rules = append(rules, model.RuleSeverity{Rule: "known_miner_name", Severity: severity}, model.RuleSeverity{Rule: "runs_from_temp", Severity: severity})
		}
	}
	labels := &Labels{}
	processes := func() *model.ProcessSnapshot { return s.processes }
	files := func() *model.FileSnapshot { return s.files }
	sockets := func() *model.SocketSnapshot { return s.sockets }
	persistence := func() *model.PersistenceSnapshot { return s.persistence }
	services := func() *model.ServiceSnapshot { return s.services }
	findings := func() *model.Findings { return s.findings }
	meta := func() map[string]model.Meta {
		if s.processes == nil {
			return nil
		}
		return map[string]model.Meta{"process": s.processes.Meta, "files": s.files.Meta, "sockets": s.sockets.Meta}
	}
	return []Collector{
		NewProcess(processes, labels), NewRespawn(processes, labels), NewFiles(files, labels), NewSockets(sockets, labels),
		NewServices(findings, sockets, services), NewPersistence(persistence, findings, labels), NewFindings(findings, rules, labels),
		NewSensors(Sources{
			Meta: meta, Panics: func() map[string]uint64 { return map[string]uint64{"detection": 0, "process": 1} },
			Processes: processes, Files: files, Sockets: sockets, Persistence: persistence, Findings: findings,
			Self: func() *model.SelfSnapshot { return s.self }, Notifications: notifications, FindingsLogLost: func() uint64 { return 2 },
		}, labels),
	}
}

func notifications() map[model.NotificationResult]uint64 {
	counts := map[model.NotificationResult]uint64{}
	for _, result := range model.NotificationResults() {
		counts[result] = 0
	}
	return counts
}

// gapCounts has every reason at 0.
func gapCounts() map[model.GapReason]uint64 {
	counts := map[model.GapReason]uint64{}
	for _, reason := range model.GapReasons() {
		counts[reason] = 0
	}
	return counts
}

// set is what a server registers.
func (s *snapshots) set() *Set { return New(log.NewNopLogger(), s.collectors()...) }

func gather(t *testing.T, set *Set) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	unchecked := prometheus.Collector(unchecked{set})
	if err := registry.Register(unchecked); err != nil {
		t.Fatal(err)
	}
	return registry
}

// unchecked has the pedantic registry take metrics that Describe does not name.
type unchecked struct{ *Set }

func (unchecked) Describe(chan<- *prometheus.Desc) {}

// hostile is a host on which an attacker chose every name.
func hostile() *snapshots {
	known, err := catalogue.New()
	if err != nil {
		panic(err)
	}
	name := func(i int) string { return fmt.Sprintf("\x1b[31m\xff%d\n", i%700) + strings.Repeat("x", 4096) }
	p := &model.ProcessSnapshot{Origins: map[model.OriginKey]model.CPUTotals{}, GPU: &model.GPUTotals{}, CPUs: 2}
	p.Visibility, p.ReadErrors = map[model.Aspect]model.Share{}, map[model.ReadError]uint64{}
	for _, aspect := range []model.Aspect{
		model.AspectStat, model.AspectExe, model.AspectFd, model.AspectCgroup, model.AspectTemp, model.AspectNetns, model.AspectPersistence, model.AspectSubmissionLog, model.AspectContainer,
	} {
		p.Visibility[aspect] = model.Share{Readable: 1, Total: 2}
		for _, reason := range []model.Reason{model.ReasonPermission, model.ReasonParse, model.ReasonTimeout, model.ReasonPanic, model.ReasonOther} {
			p.ReadErrors[model.ReadError{Aspect: aspect, Reason: reason}] = 1
		}
	}
	p.Visibility[model.AspectHost] = model.Share{Readable: 3, Total: 4} // it reads nothing that fails
	for i := range 36 {
		p.Groups = append(p.Groups, model.GroupTotals{GroupKey: model.GroupKey{Process: name(i % 32), Origin: model.OriginHome, User: "u"}, TopPID: 5})
	}
	for _, origin := range model.Origins() {
		p.Groups = append(p.Groups, model.GroupTotals{GroupKey: model.GroupKey{Process: "other", Origin: origin}, TopPID: 5})
	}
	f := &model.FileSnapshot{Directories: []string{"/tmp", "/tmp", "/var/tmp", "/dev/shm"}, Counts: map[model.FileCount]int{}}
	s := &model.SocketSnapshot{Apps: known.Apps()}
	e := &model.PersistenceSnapshot{}
	found := &model.Findings{}
	for i := range 1000 {
		e.Entries = append(e.Entries, model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: name(i), Owner: []string{"", name(i)}[i/500], Reason: model.PersistenceTempPath})
		f.Files = append(f.Files, model.File{Path: "/tmp/" + name(i), Reason: model.FileELF, User: name(i)})
		s.Sockets = append(s.Sockets, model.Socket{Protocol: model.TCP, Address: "0.0.0.0", Port: uint16(i % 500), Scope: model.ScopeAny, OwnerComm: name(i), App: "flink"})
		found.Exposures = append(found.Exposures, model.Exposure{App: "flink", Scope: model.ScopeAny, Auth: model.AuthNone})
		found.Active = append(found.Active, model.Finding{
			Rule: "known_miner_name", Severity: model.Critical,
			Suspect: &model.Suspect{
				ID: fmt.Sprintf("%012x", i%900), Running: true,
				Process:  model.Process{Comm: name(i), Exe: name(i), Container: &model.Container{ID: name(i), Name: name(i), Image: name(i)}},
				Guardian: &model.Guardian{Comm: name(i), PID: 5}, Entry: &model.Entry{Process: name(i), Port: 1},
			},
		})
	}
	return &snapshots{
		processes: p, files: f, sockets: s, persistence: e, services: &model.ServiceSnapshot{Apps: known.ProbedApps()}, findings: found,
		self:  &model.SelfSnapshot{Gaps: gapCounts()},
		rules: rules.Severities(),
	}
}

func TestHostileHost(t *testing.T) {
	t.Parallel()
	registry := gather(t, hostile().set())
	// What the exporter adds about itself: its process, and how long samples take.
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cryptojack_sample_duration_seconds", Buckets: []float64{1, 2, 3, 4}}, []string{"sensor"})
	for i := range 6 {
		durations.WithLabelValues(fmt.Sprint(i)).Observe(1)
	}
	registry.MustRegister(durations, collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled()), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	samples := 24 // of promhttp, of the version, of the last reload and of indicators, of further sensors and components
	for _, family := range families {
		for _, metric := range family.Metric {
			samples++
			if h := metric.GetHistogram(); h != nil {
				samples += len(h.Bucket) + 2 // le="+Inf", sum and count
			}
			if s := metric.GetSummary(); s != nil {
				samples += len(s.Quantile) + 1
			}
			for _, label := range metric.Label {
				if v := label.GetValue(); len(v) > 128 || !utf8.ValidString(v) || strings.ContainsAny(v, "\n\x1b") {
					t.Errorf("%s: label %q", family.GetName(), v)
				}
			}
		}
	}
	t.Log(samples, "samples")
	if samples < 500 || samples >= 1300 {
		t.Errorf("%d samples, want under 1,300", samples)
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(gather(t, hostile().set()))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

func TestBeforeTheFirstSample(t *testing.T) {
	t.Parallel()
	count, err := testutil.GatherAndCount(gather(t, (&snapshots{}).set()), "cryptojack_scrape_collector_success")
	if err != nil || count != 8 {
		t.Errorf("%d collectors reported on themselves, %v, want 8", count, err)
	}
	families, err := gather(t, (&snapshots{}).set()).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.Metric {
			if family.GetName() == "cryptojack_scrape_collector_success" && metric.GetGauge().GetValue() != 0 {
				t.Errorf("%v succeeded without a snapshot", metric.Label)
			}
		}
	}
}

// TestServicesThatAreNotAsked: with probes off there is no snapshot of services, and
// the exposed services are exported all the same.
func TestServicesThatAreNotAsked(t *testing.T) {
	t.Parallel()
	host := infected()
	host.services = nil
	count, err := testutil.GatherAndCount(gather(t, host.set()), "cryptojack_flink_log_events_total")
	if err != nil || count != 0 {
		t.Errorf("%d series of Flink's logs, which nobody read: %v", count, err)
	}
	count, err = testutil.GatherAndCount(gather(t, host.set()), "cryptojack_exposed_services")
	if err != nil || count != 3 { // docker and flink with auth unknown at 0, and the one that lets anybody in
		t.Errorf("%d series of exposed services, %v, want 3", count, err)
	}
}

// broken panics.
type broken struct{}

func (broken) Name() string                          { return "broken" }
func (broken) Update(chan<- prometheus.Metric) error { panic("boom") }

func TestOnePanicDoesNotBlindTheRest(t *testing.T) {
	t.Parallel()
	p := &model.ProcessSnapshot{CPUs: 3}
	p.Time = time.Unix(1, 0)
	set := New(log.NewNopLogger(), broken{}, NewProcess(func() *model.ProcessSnapshot { return p }, &Labels{}))
	err := testutil.GatherAndCompare(gather(t, set), strings.NewReader(`
# HELP cryptojack_cpus Number of CPUs that are online.
# TYPE cryptojack_cpus gauge
cryptojack_cpus 3
# HELP cryptojack_scrape_collector_success 1 if the collector had something to tell, 0 if it failed or its sensor has not finished its first sample.
# TYPE cryptojack_scrape_collector_success gauge
cryptojack_scrape_collector_success{collector="broken"} 0
cryptojack_scrape_collector_success{collector="process"} 1
`), "cryptojack_cpus", "cryptojack_scrape_collector_success")
	if err != nil {
		t.Error(err)
	}
}
