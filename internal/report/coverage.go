package report

import (
	"math"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// sensorState is what one sensor says of itself. Meta is nil while it is off or
// its first sample is not finished.
type sensorState struct {
	Name     string // as in the label `sensor`
	Title    string // for people
	LookedAt string // what the last sample holds
	Meta     *model.Meta
}

// unknownInterval stands for the interval of a sensor that does not say it: no
// sensor waits for longer by default.
const unknownInterval = time.Minute

// overdue tells whether the last sample is so old that the sensor must be stuck.
func (s *sensorState) overdue(now time.Time) bool {
	if s.Meta == nil {
		return false
	}
	interval := s.Meta.Interval
	if interval <= 0 {
		interval = unknownInterval
	}
	return now.Sub(s.Meta.Time) > 3*interval+30*time.Second
}

// sensors lists every sensor, also those that gave nothing.
func (r *Report) sensors() []sensorState {
	states := []sensorState{
		{Name: "process", Title: "Processes"},
		{Name: "files", Title: "Files"},
		{Name: "sockets", Title: "Sockets"},
		{Name: "persistence", Title: "What starts programs"},
		{Name: "services", Title: "Services that were asked"},
		{Name: "self", Title: "The exporter itself"},
	}
	if s := r.Snapshot.Processes; s != nil {
		states[0].Meta, states[0].LookedAt = &s.Meta, count(len(s.Processes), "process", "processes")
	}
	if s := r.Snapshot.Files; s != nil {
		states[1].Meta, states[1].LookedAt = &s.Meta, count(len(s.Directories), "directory", "directories")
	}
	if s := r.Snapshot.Sockets; s != nil {
		states[2].Meta, states[2].LookedAt = &s.Meta, count(len(s.Sockets), "listening socket", "listening sockets")
	}
	if s := r.Snapshot.Persistence; s != nil {
		entries := 0
		for _, count := range s.Counts {
			entries += count
		}
		states[3].Meta, states[3].LookedAt = &s.Meta, count(entries, "entry", "entries")
	}
	if s := r.Snapshot.Services; s != nil {
		states[4].Meta, states[4].LookedAt = &s.Meta, count(len(s.Answers), "service", "services")
	}
	if s := r.Snapshot.Self; s != nil {
		states[5].Meta, states[5].LookedAt = &s.Meta, gapsText(s)
	}
	return states
}

// gapsText says how often the exporter could not look since it started.
func gapsText(s *model.SelfSnapshot) string {
	total := uint64(0)
	for _, n := range s.Gaps {
		total += n
	}
	if total == 0 {
		return "no gap"
	}
	return count(int(min(total, math.MaxInt32)), "gap", "gaps")
}

// aspectShare is how much of one kind of fact all sensors together could read.
type aspectShare struct {
	model.Share
	Aspect model.Aspect
	Title  string // for people
}

// aspectText is what people read about one kind of fact.
type aspectText struct {
	aspect model.Aspect
	title  string // of its share
	lack   string // what the missing ones are
	mend   string
}

// aspectTexts are in the order of the page.
func aspectTexts() []aspectText {
	const root = "Run as root or give "
	return []aspectText{
		{
			model.AspectStat, "Processes that could be read", "processes could not be read at all",
			"Is /proc mounted with hidepid? " + root + "CAP_SYS_PTRACE.",
		},
		{
			model.AspectExe, "Executables that could be read", "processes hide which program they run",
			root + "CAP_SYS_PTRACE; one that holds more capabilities than the exporter stays closed.",
		},
		{
			model.AspectFd, "Owners of sockets", "processes hide which sockets they own",
			root + "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.",
		},
		{
			model.AspectCgroup, "Users and cgroups", "processes could not be read in full (user, cgroup)",
			root + "CAP_SYS_PTRACE.",
		},
		{
			model.AspectTemp, "Directories that could be searched", "directories could not be searched",
			root + "CAP_DAC_READ_SEARCH.",
		},
		{
			model.AspectNetns, "Socket tables that could be read", "socket tables could not be read",
			"Is --path.procfs the host's?",
		},
		{
			model.AspectContainer, "Containers that have a name", "containers are known by their ids alone",
			"Their runtime keeps its files elsewhere, or is none of those that docs/containers.md names; or " + root + "CAP_DAC_READ_SEARCH.",
		},
		{
			model.AspectPersistence, "Crontabs, units and the like", "files that start programs could not be read",
			root + "CAP_DAC_READ_SEARCH, and CAP_SYS_PTRACE for those of users' homes.",
		},
		{
			model.AspectSubmissionLog, "Logs of submissions", "logs of submissions to services could not be read",
			"The findings about these services say why.",
		},
		{
			model.AspectHost, "Parts of the host in sight", "parts of the host (processes, files, users, network) are replaced by the exporter's own",
			"The lines below say which and why.",
		},
	}
}

// aspects adds up what the sensors say of each aspect. An aspect that no sensor
// looks at is left out.
func (r *Report) aspects() []aspectShare {
	var metas []model.Meta
	for _, sensor := range r.sensors() {
		if sensor.Meta != nil {
			metas = append(metas, *sensor.Meta)
		}
	}
	shares := model.Visibility(metas)
	var known []aspectShare
	for _, words := range aspectTexts() {
		if share, seen := shares[words.aspect]; seen {
			known = append(known, aspectShare{share, words.aspect, words.title})
		}
	}
	return known
}
