package main

import (
	"cmp"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/files"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes"
)

// running tells the files sensor which files are programs that run now.
func running(sensor *processes.Sensor) func(model.FileID) bool {
	var seen *model.ProcessSnapshot
	files := map[model.FileID]bool{}
	return func(id model.FileID) bool {
		if sensor == nil {
			return false
		}
		if snapshot := sensor.Snapshot(); snapshot != seen {
			seen = snapshot
			clear(files)
			for i := range snapshot.Processes {
				files[snapshot.Processes[i].ExeFile] = true
			}
			delete(files, model.FileID{})
		}
		return files[id]
	}
}

// containers tells the files sensor which mount namespaces there are besides the
// host's, with their oldest processes, the container's own name first.
func containers(sensor *processes.Sensor) func() []files.Container {
	const processes = 4 // one that may be looked into is enough
	return func() []files.Container {
		if sensor == nil || sensor.Snapshot() == nil {
			return nil
		}
		var all []files.Container
		index := map[string]int{}
		for _, p := range sensor.Snapshot().Processes {
			if p.MountNS == "" {
				continue
			}
			at, known := index[p.MountNS]
			if !known {
				at = len(all)
				index[p.MountNS] = at
				all = append(all, files.Container{Name: p.MountNS})
			}
			if p.ContainerID != "" {
				all[at].Name = p.ContainerID
			}
			if len(all[at].PIDs) < processes {
				all[at].PIDs = append(all[at].PIDs, p.PID)
			}
		}
		return all
	}
}

// networks tells the sockets sensor which network namespaces there are besides the
// host's, the oldest first, with their oldest processes.
func networks(sensor *processes.Sensor) func() []model.NetNamespace {
	const processes = 4 // one whose tables can be read is enough
	return func() []model.NetNamespace {
		if sensor == nil || sensor.Snapshot() == nil {
			return nil
		}
		var inside []*model.Process
		all := sensor.Snapshot().Processes
		for i := range all {
			if all[i].NetNS != "" {
				inside = append(inside, &all[i])
			}
		}
		slices.SortStableFunc(inside, func(a, b *model.Process) int { return cmp.Compare(a.StartTime, b.StartTime) })
		var namespaces []model.NetNamespace
		index := map[string]int{}
		for _, p := range inside {
			at, known := index[p.NetNS]
			if !known {
				at = len(namespaces)
				index[p.NetNS] = at
				namespaces = append(namespaces, model.NetNamespace{ID: p.NetNS})
			}
			if len(namespaces[at].PIDs) < processes {
				namespaces[at].PIDs = append(namespaces[at].PIDs, p.PID)
			}
		}
		return namespaces
	}
}

// connected tells the sockets sensor whose connections matter: programs that burn
// CPU, the busiest first, and those from suspicious places.
func connected(sensor *processes.Sensor) func() []model.Identity {
	return func() []model.Identity {
		if sensor == nil || sensor.Snapshot() == nil {
			return nil
		}
		var closely []*model.Process
		processes := sensor.Snapshot().Processes
		for i := range processes {
			if processes[i].Inspection != nil {
				closely = append(closely, &processes[i])
			}
		}
		slices.SortStableFunc(closely, func(a, b *model.Process) int { return cmp.Compare(b.Cores, a.Cores) })
		identities := make([]model.Identity, 0, len(closely))
		for _, p := range closely {
			identities = append(identities, p.Identity)
		}
		return identities
	}
}
