package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// severity of a finding; the empty one means none.
type severity string

const (
	nothing  severity = ""
	info     severity = "info"
	warning  severity = "warning"
	critical severity = "critical"
)

func (s severity) rank() int { return slices.Index([]severity{nothing, info, warning, critical}, s) }

// evidence is what an attack must show before it can be found.
type evidence int

const (
	instant evidence = iota // what it is
	history                 // a minute of CPU use
	steady                  // ten minutes of throttled CPU use
)

func (e evidence) String() string {
	return [...]string{"no CPU history", "a minute of CPU history", "ten minutes of CPU history"}[e]
}

// scenario is one attack, or the benign counterpart of one.
type scenario struct {
	name      string
	family    string
	technique string // MITRE ATT&CK id
	benign    bool
	expect    severity // of an attack; a benign counterpart may have info and no more
	needs     evidence
	cores     float64       // that it keeps busy
	watch     time.Duration // how long a benign counterpart runs and an attack has to be found; 0 takes the usual
	short     bool          // part of the representative subset
	paths     []string      // all that it creates outside namespaces; nobody else may have it
	claims    []string      // further things that no two scenarios may have at a time
	programs  []string      // without which it cannot run
	tools     []string      // built beside the burner where that can be done, without which it cannot run
	unless    string        // it is left out on a host that has this file
	only      string        // it is left out on a host without this file
	asks      bool          // it needs an exporter that asks services
	rules     []string      // findings without a subject that are its own
	play      func(*session)
}

func (s *scenario) kind() string {
	if s.benign {
		return "benign"
	}
	return "attack"
}

// sustained is the share of a core that counts as load.
const sustained = 0.8

// span is how long a benign counterpart runs, and an attack has to be found.
func (s *scenario) span() time.Duration {
	switch {
	case s.watch > 0:
		return s.watch
	case s.needs == steady:
		return 12 * time.Minute
	case s.benign && s.cores >= sustained:
		return 80 * time.Second
	case s.benign && s.cores > 0:
		return 30 * time.Second
	case s.benign:
		return 20 * time.Second
	case s.needs == history:
		return 130 * time.Second
	default:
		return 60 * time.Second
	}
}

// lifetime is when its processes end by themselves: later than it needs them.
func (s *scenario) lifetime() time.Duration { return s.span() + time.Minute }

// owns reports whether a path is one of the scenario's, or lies below one.
func (s *scenario) owns(path string) bool {
	return slices.ContainsFunc(s.paths, func(own string) bool {
		return path == own || strings.HasPrefix(path, own+"/")
	})
}

// conflicts reports whether two scenarios must not run at the same time.
func (s *scenario) conflicts(other *scenario) bool {
	for _, path := range s.paths {
		if other.owns(path) {
			return true
		}
	}
	for _, path := range other.paths {
		if s.owns(path) {
			return true
		}
	}
	return slices.ContainsFunc(s.claims, func(claim string) bool { return slices.Contains(other.claims, claim) })
}

// runs is the play of a scenario that is one burner.
func runs(path string, work task.Task, argv ...string) func(*session) {
	return func(s *session) {
		s.place(path)
		s.run(path, work, argv...)
	}
}

// starts is the play of a scenario that starts one program of the system.
func starts(argv ...string) func(*session) {
	return func(s *session) { s.launch(order{argv: argv}) }
}

// writes is the play of a scenario that is one file.
func writes(path, content string, mode uint32) func(*session) {
	return func(s *session) { s.write(path, content, os.FileMode(mode)) }
}

// family is a group of attacks, of benign counterparts, or of both, of one kind.
type family struct {
	name      string
	scenarios []scenario
}

// families is all of them, under these names.
func families(n *names) []family {
	return []family{
		{"place", placeAttacks(n)},
		{"exemption", exemptionAttacks(n)},
		{"disguise", disguiseAttacks(n)},
		{"private mount", mountAttacks(n)},
		{"dynamic loader and standard input", loaderAttacks(n)},
		{"script", scriptAttacks(n)},
		{"library", libraryAttacks(n)},
		{"indicator", indicatorAttacks(n)},
		{"mining", miningAttacks(n)},
		{"memory", slices.Concat(memoryAttacks(n), benignMemory(n))},
		{"load in many processes", slices.Concat(loadAttacks(n), benignLoads(n))},
		{"processes of a moment", slices.Concat(momentAttacks(n), benignMoments(n))},
		{"GPU", slices.Concat(gpuAttacks(n), benignGPUs(n))},
		{"borrowed name", slices.Concat(borrowedNames(n), benignBorrowers(n))},
		{"survival", survivalAttacks(n)},
		{"entry", entryAttacks(n)},
		{"container", containerAttacks(n)},
		{"persistence", persistenceAttacks(n)},
		{"file", fileAttacks(n)},
		{"entry that hides", entryScenarios(n)},
		{"allow list", allowListScenarios(n)},
		{"system programs", systemPrograms(n)},
		{"RandomX", slices.Concat(randomXAttacks(n), benignRandomX(n))},
		{"build", benignBuilds(n)},
		{"build tool elsewhere, scheduler", benignTools(n)},
		{"package", benignPackages(n)},
		{"terminal", benignTerminals(n)},
		{"update, copy in memory", benignUpdates(n)},
		{"batch work", benignBatchWork(n)},
		{"interpreter", benignInterpreters(n)},
		{"look-alike", benignLookAlikes(n)},
		{"name", benignNames(n)},
		{"service", benignServices(n)},
		{"exposed service", benignExposed(n)},
		{"persistence", slices.Concat(benignPersistence(n), benignEntries(n))},
		{"file", slices.Concat(benignFiles(n), benignRepositories(n))},
	}
}

// allScenarios is everything the lab knows, under these names.
func allScenarios(n *names) []scenario {
	var all []scenario
	for _, group := range families(n) {
		for _, s := range group.scenarios {
			s.family = group.name
			all = append(all, s)
		}
	}
	return all
}

// choose takes the scenarios that were asked for. Those that last longest come
// first, and those that need more than one core last: they wait for the others.
func choose(all []scenario, short bool, only *regexp.Regexp) []scenario {
	var chosen []scenario
	for _, s := range all {
		if (!short || s.short) && only.MatchString(s.name) {
			chosen = append(chosen, s)
		}
	}
	turn := func(s scenario) int {
		switch {
		case s.needs == steady:
			return 0
		case s.cores > 1:
			return 2
		default:
			return 1
		}
	}
	slices.SortStableFunc(chosen, func(a, b scenario) int { return turn(a) - turn(b) })
	return chosen
}
