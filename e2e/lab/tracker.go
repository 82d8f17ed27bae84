package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// identity is a process: pids are used again.
type identity struct {
	pid     int
	started uint64 // ticks since boot
}

// member is a process that belongs to a scenario.
type member struct {
	scenario string
	adopted  bool // of the host: looked at, never ended
	alive    bool
	ticks    uint64 // of CPU, its own
	reaped   uint64 // and that of children that it waited for
	root     bool   // started by the lab itself
}

// tracker knows every process of the lab, also those that have ended: by the marker
// in their environment, or because their parent belongs to it.
type tracker struct {
	run string // id of this run of the lab

	mutex   sync.Mutex
	members map[identity]*member
	newest  map[int]identity // by pid
}

func newTracker(run string) *tracker {
	return &tracker{run: run, members: map[identity]*member{}, newest: map[int]identity{}}
}

// marker is what every process of a scenario has in its environment.
func (t *tracker) marker(scenario string) string { return task.Marker + "=" + t.run + "/" + scenario }

// stat is a line of /proc/PID/stat.
type stat struct {
	identity
	parent        int
	ticks, reaped uint64
	zombie        bool
}

func readStat(pid int) (stat, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name in the second field may hold anything.
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	number := func(i int) uint64 {
		value, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil {
			return 0 // a negative cutime, which kernels once had
		}
		return value
	}
	return stat{
		identity: identity{pid: pid, started: number(19)},
		parent:   int(number(1)),
		ticks:    number(11) + number(12),
		reaped:   number(13) + number(14),
		zombie:   fields[0] == "Z",
	}, nil
}

// scan looks for new processes of the lab. A process that cannot be read has
// ended, or is hidden by a mount and known already.
func (t *tracker) scan() error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for _, m := range t.members {
		m.alive = false
	}
	var strangers []stat
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		now, err := readStat(pid)
		if err != nil {
			continue
		}
		if m := t.members[now.identity]; m != nil {
			m.ticks, m.reaped, m.alive = now.ticks, now.reaped, !now.zombie
			continue
		}
		if scenario, ok := t.marked(pid); ok {
			t.add(now, &member{scenario: scenario})
			continue
		}
		strangers = append(strangers, now)
	}
	t.inherit(strangers)
	return nil
}

// inherit takes in descendants that have lost the marker, as those of su(1).
func (t *tracker) inherit(strangers []stat) {
	for again := true; again; {
		again = false
		for _, now := range strangers {
			parent := t.members[t.newest[now.parent]]
			if t.members[now.identity] == nil && parent != nil && parent.alive && !parent.adopted {
				t.add(now, &member{scenario: parent.scenario})
				again = true
			}
		}
	}
}

func (t *tracker) marked(pid int) (string, bool) {
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return "", false
	}
	for variable := range bytes.SplitSeq(environment, []byte{0}) {
		if scenario, ok := strings.CutPrefix(string(variable), t.marker("")); ok {
			return scenario, true
		}
	}
	return "", false
}

func (t *tracker) add(now stat, m *member) {
	m.ticks, m.reaped, m.alive = now.ticks, now.reaped, !now.zombie
	t.members[now.identity] = m
	t.newest[now.pid] = now.identity
}

// enlist takes in a process that the lab has just started, or, adopted, one of
// the host that a scenario looks at.
func (t *tracker) enlist(scenario string, pid int, adopted bool) error {
	now, err := readStat(pid)
	if err != nil {
		return err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.add(now, &member{scenario: scenario, adopted: adopted, root: !adopted})
	return nil
}

// owner is the scenario that a pid belongs to, or belonged to.
func (t *tracker) owner(pid int) (string, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	m := t.members[t.newest[pid]]
	if m == nil {
		return "", false
	}
	return m.scenario, true
}

// living are the processes that the scenario has started and that are there.
func (t *tracker) living(scenario string) []identity {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	var found []identity
	for id, m := range t.members {
		if m.scenario == scenario && !m.adopted {
			if now, err := readStat(id.pid); err == nil && now.identity == id && !now.zombie {
				found = append(found, id)
			}
		}
	}
	return found
}

// cpuSeconds is what the scenario used so far. Children that lived between two
// scans are in the account of the process that waited for them.
func (t *tracker) cpuSeconds(scenario string) float64 {
	const ticksPerSecond = 100 // USER_HZ, the same on every Linux
	t.mutex.Lock()
	defer t.mutex.Unlock()
	var each, roots uint64
	for _, m := range t.members {
		if m.scenario != scenario {
			continue
		}
		each += m.ticks
		if m.root {
			roots += m.ticks + m.reaped
		}
	}
	return float64(max(each, roots)) / ticksPerSecond
}
