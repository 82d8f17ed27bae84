package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// groupLabels are the labels of a process group. A pid is never one: it changes
// with every respawn.
func groupLabels() []string { return []string{"process", "origin", "user"} }

type process struct {
	snapshot func() *model.ProcessSnapshot
	labels   *Labels

	cpus, busy, unattributed                      *prometheus.Desc
	originCPU, originProcesses, originStarts      *prometheus.Desc
	originGPU                                     *prometheus.Desc
	groupCPU, groupInstances, groupStarts, topPID *prometheus.Desc
}

// NewProcess exports the CPU accounts of the process sensor: of the whole host, by
// origin and isolation (always all pairs), and by process group (at most 32 and one
// `other` per origin, bounded by the sensor). Without a snapshot Update returns ErrNoData.
func NewProcess(snapshot func() *model.ProcessSnapshot, labels *Labels) Collector {
	origin := []string{"origin", "isolation"}
	return &process{
		snapshot: snapshot, labels: labels,
		cpus: prometheus.NewDesc("cryptojack_cpus", "Number of CPUs that are online.", nil, nil),
		busy: prometheus.NewDesc("cryptojack_cpu_busy_seconds_total",
			"CPU time that the kernel accounts as used (user, nice and system in /proc/stat), in seconds since the exporter started.", nil, nil),
		unattributed: prometheus.NewDesc("cryptojack_cpu_unattributed_seconds_total",
			"Busy CPU time that belongs to no visible process, in seconds: the highest value so far of busy time less attributed time.", nil, nil),
		originCPU: prometheus.NewDesc("cryptojack_origin_cpu_seconds_total",
			"CPU time of processes by where their executable lies, in seconds since the exporter started, sampled on the exporter's own clock. Time of ended processes counts for the parent that waited for them.", origin, nil),
		originProcesses: prometheus.NewDesc("cryptojack_origin_processes", "Processes that ran at the last sample.", origin, nil),
		originStarts: prometheus.NewDesc("cryptojack_origin_starts_total",
			"Programs seen to start; a fork with its exec counts once. Polling misses what ends between two samples, see cryptojack_event_source_active.", origin, nil),
		originGPU: prometheus.NewDesc("cryptojack_origin_gpu_seconds_total",
			"Time that engines of GPUs were busy for processes, by where their executable lies, in seconds since the exporter started; several engines count each. Drivers tell it in fdinfo, which NVIDIA's and ROCm do not. Only on hosts with a GPU.", origin, nil),
		groupCPU: prometheus.NewDesc("cryptojack_process_cpu_seconds_total",
			"CPU time of a group of processes, in seconds since it got its series. At most 32 groups have one; the rest is `other`, by origin.", groupLabels(), nil),
		groupInstances: prometheus.NewDesc("cryptojack_process_instances", "Processes of the group at the last sample.", groupLabels(), nil),
		groupStarts:    prometheus.NewDesc("cryptojack_process_starts_total", "Programs of the group seen to start since it got its series.", groupLabels(), nil),
		topPID:         prometheus.NewDesc("cryptojack_process_top_pid", "The pid, as a value, of the group's process that used most CPU in the last sample.", groupLabels(), nil),
	}
}

// Name implements Collector.
func (*process) Name() string { return "process" }

// Update implements Collector.
func (c *process) Update(ch chan<- prometheus.Metric) error {
	s := c.snapshot()
	if s == nil {
		return ErrNoData
	}
	send := newSender(ch)
	send.gauge(c.cpus, float64(s.CPUs))
	send.counter(c.busy, s.BusySeconds)
	send.counter(c.unattributed, s.Unattributed)
	for _, origin := range model.Origins() {
		for _, isolation := range model.Isolations() {
			totals := s.Origins[model.OriginKey{Origin: origin, Isolation: isolation}]
			send.counter(c.originCPU, totals.CPUSeconds, string(origin), string(isolation))
			send.gauge(c.originProcesses, float64(totals.Processes), string(origin), string(isolation))
			send.counter(c.originStarts, float64(totals.Starts), string(origin), string(isolation))
			if s.GPU != nil && origin != model.OriginKernel { // whose threads hold no files
				send.counter(c.originGPU, s.GPU.Seconds[model.OriginKey{Origin: origin, Isolation: isolation}], string(origin), string(isolation))
			}
		}
	}
	for i := range s.Groups {
		group := &s.Groups[i]
		labels, ok := groupValues(send, c.labels, group)
		if !ok {
			continue
		}
		send.counter(c.groupCPU, group.CPUSeconds, labels...)
		send.gauge(c.groupInstances, float64(group.Processes), labels...)
		send.counter(c.groupStarts, float64(group.Starts), labels...)
		if group.TopPID != 0 {
			send.gauge(c.topPID, float64(group.TopPID), labels...)
		}
	}
	return nil
}

// groupValues returns the label values of a group, which the process sensor made
// fit already, and counts those that it had to change.
func groupValues(send *sender, labels *Labels, group *model.GroupTotals) ([]string, bool) {
	values := []string{labels.label(group.Process), string(group.Origin), labels.label(group.User)}
	labels.changed.Add(uint64(group.Sanitized))
	return values, send.unique(values[0] + "\x00" + values[1] + "\x00" + values[2])
}
