package collector

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// suspects formats the detail series of suspects.
type suspects struct {
	labels *Labels

	info, container                 *prometheus.Desc
	guardian, entry                 *prometheus.Desc
	cpu, pid, guardianPID, respawns *prometheus.Desc
	firstSeen, lastSeen             *prometheus.Desc
}

func newSuspects(labels *Labels) *suspects {
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("cryptojack_suspect_"+name, help, append([]string{"suspect"}, more...), nil)
	}
	return &suspects{
		labels: labels,
		info: desc("info", "A program under suspicion (warning or critical); at most 32, the worst first. suspect is 12 hex digits of the executable's SHA-256, the same on every host.",
			"comm", "exe", "user", "unit", "container_id", "origin", "severity", "rule"),
		container: desc("container_info", "The container that a suspect runs in, as the files of its runtime say. Without it there is no series. container_name is that in the pod where kube_pod is set.",
			"container_id", "container_name", "image", "kube_namespace", "kube_pod", "runtime"),
		guardian:    desc("guardian_info", "What brings a suspect back, and how that is known.", "comm", "exe", "relation"),
		entry:       desc("entry_info", "The listening service that a suspect descends from. app is empty for what is in no catalogue.", "app", "process", "port"),
		cpu:         desc("cpu_seconds_total", "CPU time of all instances of a suspect, in seconds from the birth of each."),
		pid:         desc("pid", "The pid, as a value, of the suspect's instance that uses most CPU. Absent when none runs."),
		guardianPID: desc("guardian_pid", "The pid, as a value, of what brings a suspect back."),
		respawns:    desc("respawns_total", "Times that a suspect came back after it had ended."),
		firstSeen:   desc("first_seen_timestamp_seconds", "When a suspect was first seen, in seconds since the epoch."),
		lastSeen:    desc("last_seen_timestamp_seconds", "When there was last evidence against a suspect, in seconds since the epoch."),
	}
}

// update sends the suspects among findings, which are sorted worst first: at most
// suspectLimit, and none that is only noted (info).
func (c *suspects) update(send *sender, active []model.Finding) {
	sent := 0
	for i := range active {
		finding := &active[i]
		if finding.Suspect == nil || finding.Severity == model.Info || !send.unique("suspect "+finding.Suspect.ID) {
			continue
		}
		if sent++; sent > suspectLimit {
			return
		}
		c.one(send, finding)
	}
}

func (c *suspects) one(send *sender, finding *model.Finding) {
	s, id, label := finding.Suspect, finding.Suspect.ID, c.labels.label
	p := &s.Process
	send.gauge(c.info, 1, id, label(p.Comm), label(p.Exe), label(p.User), label(p.Unit), label(p.ContainerID),
		string(p.Origin), string(finding.Severity), finding.Rule)
	if k := p.Container; k != nil {
		send.gauge(c.container, 1, id, label(k.ShortID()), label(k.Name), label(k.Image), label(k.KubeNamespace), label(k.KubePod), string(k.Runtime))
	}
	send.counter(c.cpu, s.CPUSeconds, id)
	send.counter(c.respawns, float64(s.Respawns), id)
	send.gauge(c.firstSeen, seconds(finding.FirstSeen), id)
	send.gauge(c.lastSeen, seconds(finding.LastSeen), id)
	if s.Running {
		send.gauge(c.pid, float64(p.PID), id)
	}
	if g := s.Guardian; g != nil {
		send.gauge(c.guardian, 1, id, label(g.Comm), label(g.Exe), string(g.Relation))
		if g.PID != 0 {
			send.gauge(c.guardianPID, float64(g.PID), id)
		}
	}
	if e := s.Entry; e != nil {
		send.gauge(c.entry, 1, id, e.App, label(e.Process), strconv.Itoa(int(e.Port)))
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
