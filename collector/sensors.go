package collector

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Sources are the snapshots that NewSensors reads. None of the functions may be nil, unless it says so;
// each returns nil before the first sample, and for ever if its sensor is off.
type Sources struct {
	Meta      func() map[string]model.Meta // by sensor, of those that have sampled
	Panics    func() map[string]uint64     // contained, by component; every component is there
	Processes func() *model.ProcessSnapshot
	Files     func() *model.FileSnapshot
	Sockets   func() *model.SocketSnapshot

	Persistence func() *model.PersistenceSnapshot

	Findings func() *model.Findings
	Self     func() *model.SelfSnapshot

	Notifications   func() map[model.NotificationResult]uint64
	FindingsLogLost func() uint64 // nil where no log of findings is written
}

type sensors struct {
	sources Sources
	labels  *Labels

	visibility, readErrors, interval, last *prometheus.Desc
	active, lost, putOff, gaps             *prometheus.Desc
	slots, refused, sanitized, panics      *prometheus.Desc
	logLost, notifications                 *prometheus.Desc
}

// NewSensors exports what the exporter can see and what it cannot: the share of things
// that could be read, read errors, event sources, the age of samples and how full the
// bounded tables are. A sensor without a snapshot is left out; while no sensor has
// sampled Update returns ErrNoData.
func NewSensors(sources Sources, labels *Labels) Collector {
	return &sensors{
		sources: sources, labels: labels,
		visibility: prometheus.NewDesc("cryptojack_visibility_ratio",
			"Share of the things looked at that could be read, 0 to 1.", []string{"aspect"}, nil),
		readErrors: prometheus.NewDesc("cryptojack_read_errors_total",
			"Reads that failed. Processes that end while they are looked at are not counted.", []string{"aspect", "reason"}, nil),
		interval: prometheus.NewDesc("cryptojack_sample_interval_seconds",
			"Time until a sensor's next sample, in seconds. The process sensor's grows to keep --process.cpu-budget.", []string{"sensor"}, nil),
		last: prometheus.NewDesc("cryptojack_last_sample_timestamp_seconds",
			"When a sensor last finished a sample, in seconds since the epoch.", []string{"sensor"}, nil),
		active: prometheus.NewDesc("cryptojack_event_source_active",
			"1 for what the process table is fed by: poll (/proc), proc_connector (forks, execs and exits as they happen), taskstats (the CPU time of what exits), task_iterator (all processes at once, from the kernel's own table). Where task_iterator is 1, its BPF programs may tell what the two before do, in their place.", []string{"source"}, nil),
		lost: prometheus.NewDesc("cryptojack_events_lost_total",
			"Times that the kernel dropped events because they came too fast. The next look at /proc, or at the directories of inotify, mends what it can.", []string{"source"}, nil),
		putOff: prometheus.NewDesc("cryptojack_execs_put_off_total",
			"Programs that gave cause for a look at once when they began, and had to wait for the next regular sample, because such looks had used up 1 % of a core.", nil, nil),
		gaps: prometheus.NewDesc("cryptojack_sampling_gaps_total",
			"Times of 2 s or more in which no sensor could look: stopped (a signal, a debugger, a frozen cgroup), starved (it got no CPU), suspended (the whole host slept). clock: the time of day was set, and nothing missed.", []string{"reason"}, nil),
		slots: prometheus.NewDesc("cryptojack_slots",
			"Series of a bounded table: how many are in use, and how many there may be.", []string{"table", "state"}, nil),
		refused: prometheus.NewDesc("cryptojack_slots_refused_total",
			"groups: groups of processes that wanted a series of their own in a sample and found none free, and count in `other`. held: findings that were dropped sooner than --findings.hold says.", []string{"table"}, nil),
		panics: prometheus.NewDesc("cryptojack_panics_total",
			"Defects of the exporter that were contained. The log has the first of each component; please report it.", []string{"component"}, nil),
		notifications: prometheus.NewDesc("cryptojack_notifications_total",
			"sent: messages that the webhook of `notify` took. failed: attempts that it did not take; they are tried again. dropped: findings that were given up, after an hour or because the webhook refuses the message.", []string{"result"}, nil),
		logLost: prometheus.NewDesc("cryptojack_findings_log_lost_total",
			"Events that --findings.log did not get: because it could not be written to, as on a full disk, or because there were too many.", nil, nil),
		sanitized: prometheus.NewDesc("cryptojack_labels_sanitized_total",
			"Label values that were escaped or cut, counted at every scrape.", nil, nil),
	}
}

// Name implements Collector.
func (*sensors) Name() string { return "sensors" }

// Update implements Collector.
func (c *sensors) Update(ch chan<- prometheus.Metric) error {
	send := newSender(ch)
	for component, count := range c.sources.Panics() {
		send.counter(c.panics, float64(count), component)
	}
	for result, count := range c.sources.Notifications() {
		send.counter(c.notifications, float64(count), string(result))
	}
	if c.sources.FindingsLogLost != nil {
		send.counter(c.logLost, float64(c.sources.FindingsLogLost()))
	}
	meta := c.sources.Meta()
	if len(meta) == 0 {
		return ErrNoData
	}
	failures := map[model.ReadError]uint64{}
	for sensor, m := range meta {
		send.gauge(c.interval, m.Interval.Seconds(), sensor)
		send.gauge(c.last, seconds(m.Time), sensor)
		for key, count := range m.ReadErrors {
			failures[key] += count
		}
	}
	for aspect, share := range model.Visibility(slices.Collect(maps.Values(meta))) {
		if share.Total > 0 {
			send.gauge(c.visibility, float64(share.Readable)/float64(share.Total), string(aspect))
		}
	}
	for key, count := range failures {
		send.counter(c.readErrors, float64(count), string(key.Aspect), string(key.Reason))
	}
	c.events(send)
	if s := c.sources.Processes(); s != nil {
		send.counter(c.putOff, float64(s.Execs.PutOff))
	}
	if s := c.sources.Self(); s != nil {
		for reason, count := range s.Gaps {
			send.counter(c.gaps, float64(count), string(reason))
		}
	}
	c.tables(send)
	send.counter(c.sanitized, float64(c.labels.changed.Load()))
	return nil
}

// events exports which sources feed the process table, none while its sensor has no
// snapshot, and how often events were lost.
func (c *sensors) events(send *sender) {
	s := c.sources.Processes()
	for _, source := range model.Sources() {
		active := 0.0
		if s != nil && s.Sources[source] {
			active = 1
		}
		send.gauge(c.active, active, string(source))
		if s != nil && source.SendsEvents() {
			send.counter(c.lost, float64(s.EventsLost[source]), string(source))
		}
	}
	if s := c.sources.Files(); s != nil {
		send.counter(c.lost, float64(s.EventsLost), string(model.SourceInotify))
	}
}

// tables exports how full the bounded tables are.
func (c *sensors) tables(send *sender) {
	tables := map[string]model.Slots{}
	if s := c.sources.Processes(); s != nil {
		tables["groups"] = s.GroupSlots
		send.counter(c.refused, float64(s.GroupSlots.Refused), "groups")
	}
	if s := c.sources.Findings(); s != nil {
		wanted := 0
		for i := range s.Active {
			if s.Active[i].Suspect != nil && s.Active[i].Severity != model.Info {
				wanted++
			}
		}
		tables["held"] = s.Held
		send.counter(c.refused, float64(s.Held.Refused), "held")
		tables["suspects"] = model.Slots{Used: min(wanted, suspectLimit), Limit: suspectLimit}
	}
	if s := c.sources.Files(); s != nil {
		tables["files"] = model.Slots{Used: min(len(s.Files), detailLimit), Limit: detailLimit}
	}
	if s := c.sources.Sockets(); s != nil {
		tables["sockets"] = model.Slots{Used: min(len(s.Sockets), socketLimit), Limit: socketLimit}
	}
	if s := c.sources.Persistence(); s != nil {
		tables["persistence"] = model.Slots{Used: len(detailed(s, c.sources.Findings(), &Labels{})), Limit: detailLimit}
	}
	for table := range maps.Keys(tables) {
		send.gauge(c.slots, float64(tables[table].Used), table, "used")
		send.gauge(c.slots, float64(tables[table].Limit), table, "limit")
	}
}
