package report

import (
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
	return states
}

// aspectShare is how much of one kind of fact all sensors together could read.
type aspectShare struct {
	model.Share
	Aspect model.Aspect
	Title  string // for people
}

// aspects adds up what the sensors say of each aspect. An aspect that no sensor
// looks at is left out.
func (r *Report) aspects() []aspectShare {
	var known []aspectShare
	for _, share := range []aspectShare{
		{Aspect: model.AspectStat, Title: "Processes that could be read"},
		{Aspect: model.AspectExe, Title: "Executables that could be read"},
		{Aspect: model.AspectFd, Title: "Owners of sockets"},
		{Aspect: model.AspectCgroup, Title: "Users and cgroups"},
		{Aspect: model.AspectTemp, Title: "Directories that could be searched"},
		{Aspect: model.AspectNetns, Title: "Socket tables that could be read"},
		{Aspect: model.AspectPersistence, Title: "Crontabs, units and the like"},
		{Aspect: model.AspectSubmissionLog, Title: "Logs of submissions"},
	} {
		seen := false
		for _, sensor := range r.sensors() {
			if sensor.Meta == nil {
				continue
			}
			if part, ok := sensor.Meta.Visibility[share.Aspect]; ok {
				seen = true
				share.Readable += part.Readable
				share.Total += part.Total
			}
		}
		if seen {
			known = append(known, share)
		}
	}
	return known
}
