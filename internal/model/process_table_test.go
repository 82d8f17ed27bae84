package model

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// table is a host with two containers, a program in memory and a busy program.
func table() *ProcessSnapshot {
	inside := func(pid int, start uint64, mount, network, container string) *Process {
		return &Process{Identity: Identity{PID: pid, StartTime: start}, MountNS: mount, NetNS: network, ContainerID: container}
	}
	return &ProcessSnapshot{Processes: []*Process{
		{Identity: Identity{PID: 1, StartTime: 1}, ExeFile: FileID{Dev: 1, Inode: 10}},
		{Identity: Identity{PID: 7, StartTime: 2}, Inspection: &Inspection{}, Cores: 0.5, ExeFile: FileID{Dev: 1, Inode: 10}},
		inside(20, 90, "mnt:[5]", "500", ""),
		inside(21, 30, "mnt:[5]", "500", "abc"),
		inside(22, 20, "mnt:[6]", "600", ""),
		inside(23, 91, "mnt:[5]", "500", ""),
		inside(24, 92, "mnt:[5]", "500", ""),
		inside(25, 93, "mnt:[5]", "500", ""),
		{Identity: Identity{PID: 30, StartTime: 94}, Inspection: &Inspection{}, Cores: 4, ExeFile: FileID{Dev: 1, Inode: 11}},
	}}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	s := table()
	for i := range s.Processes {
		want := s.Processes[i]
		if got, ok := s.Process(want.PID); !ok || got != want {
			t.Errorf("pid %d: %v, %v", want.PID, got, ok)
		}
	}
	for _, pid := range []int{-1, 0, 2, 26, 31} {
		if got, ok := s.Process(pid); ok || got != nil {
			t.Errorf("pid %d is in no row, and is found: %v", pid, got)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	s := table()
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"files", s.RunningFiles(), map[FileID]bool{{Dev: 1, Inode: 10}: true, {Dev: 1, Inode: 11}: true}},
		{"mounts", s.MountNamespaces(), []MountNamespace{{Name: "abc", PIDs: []int{20, 21, 23, 24}}, {Name: "mnt:[6]", PIDs: []int{22}}}},
		{"networks: the oldest first", s.NetNamespaces(), []NetNamespace{{ID: "600", PIDs: []int{22}}, {ID: "500", PIDs: []int{21, 20, 23, 24}}}},
		{"inspected: the busiest first", s.Inspected(), []Identity{{PID: 30, StartTime: 94}, {PID: 7, StartTime: 2}}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestNoTable: before the first sample nothing is known, and nothing fails.
func TestNoTable(t *testing.T) {
	t.Parallel()
	var s *ProcessSnapshot
	if _, ok := s.Process(1); ok || len(s.RunningFiles())+len(s.MountNamespaces())+len(s.NetNamespaces())+len(s.Inspected()) != 0 {
		t.Error("something is known before the first sample")
	}
}

func TestInMountNamespace(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"abc": 21, "mnt:[6]": 22, "other": 0, "": 0} {
		if p, ok := table().InMountNamespace(name); ok != (want > 0) || ok && p.PID != want {
			t.Errorf("%q: %v, %v, want pid %d", name, p, ok, want)
		}
	}
}
