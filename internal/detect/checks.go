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

// knowledge is what one process is judged by, whatever else is there: it is the same for
// all snapshots.
type knowledge struct {
	names   *programs.Names
	isKnown func(sha256 string) bool // policy.Policy.IsKnownHash
	checks  []check                  // of the rules that are not switched off
}

func newKnowledge(settings *policy.Policy) *knowledge {
	return &knowledge{
		names: programs.NewNames(), isKnown: settings.IsKnownHash,
		checks: slices.DeleteFunc(checks(), func(c check) bool { return settings.Limits.Off(c.rule) }),
	}
}

// subject is one process by itself. What is said of it stays true for as long as nothing
// about the process changes: there is no clock in it, and nothing else of the host.
type subject struct {
	*knowledge
	process *model.Process
}

// evaluation is what all processes of one snapshot share. It is made once for
// each, and read only.
type evaluation struct {
	*knowledge
	snapshot *model.Snapshot
	policy   policy.Policy
	lineage  *lineage.Lineage
	now      time.Time
	ended    map[*model.Process]bool // that stand for programs none of which lives now
	noted    []model.Note[said]      // the living processes that are worth a look
}

// view is one process among the others of a snapshot.
type view struct {
	subject
	*evaluation
}

func (e *evaluation) of(p *model.Process) *view {
	return &view{subject: subject{e.knowledge, p}, evaluation: e}
}

// check is one signal that a single process may show.
type check struct {
	rule string
	// alone and among return the evidence, a sentence, and whether there is any. A weak
	// signal explains and counts for nothing. A check has one of both.
	alone func(subject) (evidence string, strength strength)
	among func(*view) (evidence string, strength strength)
	// may says of what processes among can hold at all, but for those with a connection.
	may func(*model.Process) bool
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
		{rule: rules.KnownMinerHash, alone: knownHash, fact: factHash},
		{rule: rules.KnownMinerName, alone: minerName, fact: factName},
		{rule: rules.MinerCommandLine, alone: minerCommandLine, fact: factArguments},
		{rule: rules.MinerWords, alone: minerWords, fact: factWords},
		{rule: rules.MemfdExecutable, alone: memfd, fact: factPlace},
		{rule: rules.DeletedExecutable, alone: deleted, fact: factDeleted},
		{rule: rules.HiddenPath, alone: hiddenPath, fact: factPlace},
		{rule: rules.RunsFromTemp, alone: runsFromTemp, fact: factPlace},
		{rule: rules.PrivatePath, alone: privatePath, fact: factSource},
		{rule: rules.ScriptFromTemp, among: scriptFromTemp, may: runsScriptFromTemp, fact: factScript},
		{rule: rules.HiddenProcess, alone: hiddenProcess, fact: factHidden},
		{rule: rules.KernelThreadName, alone: kernelThreadName, fact: factName},
		{rule: rules.ForgedArguments, alone: forgedArguments, fact: factArguments},
		{rule: rules.LookalikeName, alone: lookalikeName, fact: factName},
		{rule: rules.NotOfPackage, among: notOfPackage, may: isInspected, fact: factPackage},
		{rule: rules.MemoryHangs, alone: memoryHangs, fact: factMemoryHangs},
		{rule: rules.PreloadedLibrary, alone: preloadedLibrary, fact: factPreload},
		{rule: rules.ForeignLibrary, among: foreignLibrary, may: isInspected, fact: factLibrary},
		{rule: rules.PackedExecutable, alone: packedExecutable, fact: factPacked},
		{rule: rules.RandomXCode, alone: randomXCode, fact: factCode},
		{rule: rules.RandomXMemory, alone: randomXMemory, fact: factMemory},
		{rule: rules.PoolConnection, among: poolConnection, may: isInspected, fact: factConnections},
		{rule: rules.GPUAccess, among: gpuAccess, may: holdsGPU, fact: factGPU},
		{rule: rules.MSRAccess, alone: msrAccess, fact: factMSR},
		{rule: rules.HugePages, alone: hugePages, fact: factHugePages},
		{rule: rules.EqualThreads, alone: equalThreads, fact: factThreads},
	}
}

func isInspected(p *model.Process) bool { return p.Inspection != nil }

// said is what is known of a process as long as nothing about it changes.
type said struct {
	signals []model.Signal // of the checks that need nothing else
	isKnown bool           // its content is on the list of known miners, whatever is said of the rule
}

// look judges a process by itself. It is worth another look at each evaluation if
// something speaks against it, or may do so together with what else is there.
func (k *knowledge) look(p *model.Process) (found said, worth bool) {
	if p.Origin == model.OriginKernel {
		return said{}, false
	}
	found.isKnown = k.isKnown(p.SHA256)
	worth = found.isKnown || mayBeLoaded(p)
	of := subject{k, p}
	for i := range k.checks {
		check := &k.checks[i]
		if check.alone == nil {
			worth = worth || check.may(p)
			continue
		}
		if evidence, strength := check.alone(of); strength != absent {
			found.signals = append(found.signals, signalOf(check, p, evidence, strength))
		}
	}
	return found, worth || hasStrong(found.signals)
}

// signals are those that a process shows, given those that it shows by itself.
func (e *evaluation) signals(p *model.Process, alone []model.Signal) []model.Signal {
	v, signals := e.of(p), slices.Clip(alone)
	for i := range e.checks {
		if check := &e.checks[i]; check.among != nil {
			if evidence, strength := check.among(v); strength != absent {
				signals = append(signals, signalOf(check, p, evidence, strength))
			}
		}
	}
	return signals
}

func signalOf(check *check, p *model.Process, evidence string, strength strength) model.Signal {
	found := rules.Signal(check.rule, evidence)
	if check.rule == rules.HiddenProcess && p.Hiding == model.HiddenByMount {
		found.Technique = "T1564.013"
	}
	found.Weak = strength == weak || expectedOfNode(p, check.rule)
	return found
}

func hasStrong(signals []model.Signal) bool {
	return slices.ContainsFunc(signals, func(signal model.Signal) bool { return !signal.Weak })
}
