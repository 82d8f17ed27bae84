package detect

import (
	"slices"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/lineage"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// view is what the checks of one process may look at.
type view struct {
	*evaluation
	process *model.Process
}

// evaluation is what all processes of one snapshot share. It is made once for
// each, and read only.
type evaluation struct {
	snapshot    *model.Snapshot
	policy      policy.Policy
	names       *programs.Names
	connections map[model.Identity][]model.Connection
	lineage     *lineage.Lineage
	checks      []check // of the rules that are not switched off
	now         time.Time
	ended       map[*model.Process]bool // that stand for programs none of which lives now
}

func newEvaluation(s *model.Snapshot, settings policy.Policy, exposures []model.Exposure) *evaluation {
	return &evaluation{
		snapshot: s, policy: settings, names: programs.NewNames(), now: s.Time, connections: connectionsOf(s.Sockets), lineage: lineage.New(s, settings, exposures),
		checks: enabled(settings.Limits), ended: endedOf(s.Processes),
	}
}

// enabled are the checks of the rules that are not switched off.
func enabled(limits policy.Limits) []check {
	return slices.DeleteFunc(checks(), func(c check) bool { return limits.Off(c.rule) })
}

// connectionsOf gathers the connections of each process.
func connectionsOf(s *model.SocketSnapshot) map[model.Identity][]model.Connection {
	connections := map[model.Identity][]model.Connection{}
	if s != nil {
		for _, connection := range s.Connections {
			connections[connection.Owner] = append(connections[connection.Owner], connection)
		}
	}
	return connections
}

func (e *evaluation) of(p *model.Process) *view { return &view{evaluation: e, process: p} }

// check is one signal that a single process may show.
type check struct {
	rule string
	// holds returns the evidence, a sentence, and whether there is any. A weak
	// signal explains and counts for nothing.
	holds func(*view) (evidence string, strength strength)
	// fact says what was seen instead where it does not hold.
	fact func(*view) string
}

type strength int

const (
	absent strength = iota
	weak
	strong
)

// checks lists all signals that one process shows by itself, as in Rules.
func checks() []check {
	return []check{
		{rules.KnownMinerHash, knownHash, factHash},
		{rules.KnownMinerName, minerName, factName},
		{rules.MinerCommandLine, minerCommandLine, factArguments},
		{rules.MinerWords, minerWords, factWords},
		{rules.MemfdExecutable, memfd, factPlace},
		{rules.DeletedExecutable, deleted, factDeleted},
		{rules.HiddenPath, hiddenPath, factPlace},
		{rules.RunsFromTemp, runsFromTemp, factPlace},
		{rules.PrivatePath, privatePath, factSource},
		{rules.ScriptFromTemp, scriptFromTemp, factScript},
		{rules.HiddenByMount, hiddenByMount, factMount},
		{rules.KernelThreadName, kernelThreadName, factName},
		{rules.ForgedArguments, forgedArguments, factArguments},
		{rules.LookalikeName, lookalikeName, factName},
		{rules.NotOfPackage, notOfPackage, factPackage},
		{rules.MemoryHangs, memoryHangs, factMemoryHangs},
		{rules.PreloadedLibrary, preloadedLibrary, factPreload},
		{rules.ForeignLibrary, foreignLibrary, factLibrary},
		{rules.PackedExecutable, packedExecutable, factPacked},
		{rules.RandomXCode, randomXCode, factCode},
		{rules.RandomXMemory, randomXMemory, factMemory},
		{rules.PoolConnection, poolConnection, factConnections},
		{rules.GPUAccess, gpuAccess, factGPU},
		{rules.MSRAccess, msrAccess, factMSR},
		{rules.HugePages, hugePages, factHugePages},
		{rules.EqualThreads, equalThreads, factThreads},
	}
}

// ownSignals are those that one process shows by itself.
func ownSignals(v *view, all []check) []model.Signal {
	var signals []model.Signal
	for _, check := range all {
		if evidence, strength := check.holds(v); strength != absent {
			found := rules.Signal(check.rule, evidence)
			found.Weak = strength == weak || expectedOfNode(v.process, check.rule)
			signals = append(signals, found)
		}
	}
	return signals
}

func hasStrong(signals []model.Signal) bool {
	for _, signal := range signals {
		if !signal.Weak {
			return true
		}
	}
	return false
}
