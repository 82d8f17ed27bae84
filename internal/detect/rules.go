// Package detect tells a miner from a process that is only busy. Its rules are
// pure functions over one snapshot: no I/O, and no clock but the one passed in.
package detect

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Rule names are label values of cryptojack_findings. The set is closed.
const (
	RuleKnownMinerHash   = "known_miner_hash"
	RuleKnownMinerName   = "known_miner_name"
	RuleMinerCommandLine = "miner_command_line"
	RuleMinerWords       = "miner_words"

	RuleMemfdExecutable   = "memfd_executable"
	RuleDeletedExecutable = "deleted_executable"
	RuleHiddenPath        = "hidden_path"
	RuleRunsFromTemp      = "runs_from_temp"
	RulePrivatePath       = "private_path"
	RuleScriptFromTemp    = "script_from_temp"

	RuleHiddenByMount    = "hidden_by_mount"
	RuleKernelThreadName = "kernel_thread_name"
	RuleForgedArguments  = "forged_arguments"
	RuleLookalikeName    = "lookalike_name"
	RuleNotOfPackage     = "not_of_package"
	RuleMemoryHangs      = "memory_hangs"
	RulePreloadedLibrary = "preloaded_library"
	RuleForeignLibrary   = "foreign_library"
	RulePackedExecutable = "packed_executable"

	RuleRandomXCode    = "randomx_code"
	RuleRandomXMemory  = "randomx_memory"
	RulePoolConnection = "pool_connection"
	RuleGPUAccess      = "gpu_access"
	RuleMSRAccess      = "msr_access"
	RuleHugePages      = "huge_pages"
	RuleEqualThreads   = "equal_threads"
	RuleOpenEntry      = "open_entry"
	RuleSustainedCPU   = "sustained_cpu"
	RuleThrottledCPU   = "throttled_cpu"

	RuleRespawn         = "respawn"
	RuleGuardian        = "guardian"
	RuleStartedByItself = "started_by_itself"

	RulePersistenceEntry = "persistence_entry"
	RuleCPUUnattributed  = "cpu_unattributed"
	RuleSuspiciousFile   = "suspicious_file"
	RuleExposedService   = exposure.Rule
	RuleAllowListExpired = "allow_list_expired"
)

// Rule says what a rule stands for.
type Rule struct {
	Name      string
	Family    model.Family // "" for what is no process
	Technique string       // MITRE ATT&CK (Enterprise, Linux); "" for what is no attack
	Meaning   string
}

// Rules lists every rule; those about processes come first, the strongest
// first: the first that holds names the finding.
func Rules() []Rule {
	return []Rule{
		{RuleKnownMinerHash, model.FamilyIndicator, "T1496.001", "runs a file whose SHA-256 is on the list of known miners"},
		{RuleKnownMinerName, model.FamilyIndicator, "T1496.001", "has the name of a known miner or of its guardian"},
		{RuleMinerCommandLine, model.FamilyIndicator, "T1496.001", "was started with the arguments of a miner"},
		{RuleMinerWords, model.FamilyIndicator, "T1496.001", "is a program that carries the words of miners' protocols and options"},
		{RuleMemfdExecutable, model.FamilyPlace, "T1620", "runs from memory: it never had a file"},
		{RuleDeletedExecutable, model.FamilyPlace, "T1070.004", "runs from a file that was deleted"},
		{RuleHiddenPath, model.FamilyPlace, "T1564.001", "runs from a hidden place"},
		{RuleRunsFromTemp, model.FamilyPlace, "T1059.004", "runs from a directory that everybody may write to"},
		{RulePrivatePath, model.FamilyPlace, "T1564", "runs a file that only its own mount namespace has there"},
		{RuleScriptFromTemp, model.FamilyPlace, "T1059", "burns CPU with a script from a directory that everybody may write to"},
		{RuleHiddenByMount, model.FamilyDisguise, "T1564.013", "is hidden by a mount over its directory in /proc"},
		{RuleKernelThreadName, model.FamilyDisguise, "T1036.004", "calls itself a kernel thread and is a program"},
		{RuleForgedArguments, model.FamilyDisguise, "T1036.011", "has wiped or forged its arguments"},
		{RuleLookalikeName, model.FamilyDisguise, "T1036.005", "has nearly the name of something else"},
		{RuleNotOfPackage, model.FamilyDisguise, "T1554", "lies where packages put programs, and is not what a package has put there"},
		{RuleMemoryHangs, model.FamilyDisguise, "T1564", "has memory that cannot be read: whoever reads it waits for ever"},
		{RulePreloadedLibrary, model.FamilyDisguise, "T1574.006", "was started with a library from a place where none belongs"},
		{RuleForeignLibrary, model.FamilyDisguise, "T1129", "runs code of a library from where none belongs"},
		{RulePackedExecutable, model.FamilyDisguise, "T1027.002", "is packed, so that its content cannot be read"},
		{RuleRandomXCode, model.FamilyMining, "T1496.001", "holds the code of RandomX, which mines Monero"},
		{RuleRandomXMemory, model.FamilyMining, "T1496.001", "has the memory of RandomX, which mines Monero"},
		{RulePoolConnection, model.FamilyMining, "T1496.001", "is connected to a mining pool"},
		{RuleGPUAccess, model.FamilyMining, "T1496.001", "holds a GPU open and runs from where no such program belongs"},
		{RuleMSRAccess, model.FamilyMining, "T1496.001", "sets up the processor for mining (MSR)"},
		{RuleHugePages, model.FamilyMining, "T1496.001", "uses huge pages"},
		{RuleEqualThreads, model.FamilyMining, "T1496.001", "has threads that all work alike"},
		{RuleOpenEntry, model.FamilyEntry, "T1190", "burns CPU below an exposed service that lets anybody in, and is not part of it"},
		{RuleSustainedCPU, model.FamilyLoad, "T1496.001", "keeps the CPU busy without a pause"},
		{RuleThrottledCPU, model.FamilyLoad, "T1496.001", "uses the same share of the CPU for long"},
		{RuleRespawn, model.FamilySurvival, "T1543", "comes back after it ended"},
		{RuleGuardian, model.FamilySurvival, "T1543", "keeps a suspect alive"},
		{RuleStartedByItself, model.FamilySurvival, "T1053", "is started by cron, a unit or the like"},
		{RulePersistenceEntry, "", "T1053.003", "something that starts programs by itself starts what it should not"},
		{RuleCPUUnattributed, "", "T1014", "CPU time is used by no process that can be seen"},
		{RuleSuspiciousFile, "", "T1105", "a program lies where only data belongs"},
		{RuleExposedService, "", "T1190", "a service that miners enter by can be reached by others"},
		{RuleAllowListExpired, "", "", "an entry of the allow list has ended"},
	}
}

// RuleNames lists the names of all rules in order.
func RuleNames() []string {
	names := make([]string, 0, len(Rules()))
	for _, rule := range Rules() {
		names = append(names, rule.Name)
	}
	return names
}

// RuleSeverities lists the severities that findings of each rule can have, as long as
// the configuration sets no lower ones: cryptojack_findings has a series for each, at 0
// from the first scrape. A finding is named by its strongest evidence, so that rules
// which are always weak name none.
func RuleSeverities() []model.RuleSeverity {
	var pairs []model.RuleSeverity
	for _, rule := range Rules() {
		severities := model.Severities()
		switch {
		case rule.Name == RuleHugePages, rule.Name == RuleEqualThreads:
			severities = nil
		case rule.Family == model.FamilyIndicator, rule.Family == model.FamilyLoad, rule.Name == RuleHiddenByMount:
			severities = []model.Severity{model.Critical, model.Info}
		case rule.Family == model.FamilySurvival: // joins evidence of other kinds, which name the finding
			severities = []model.Severity{model.Critical}
		case rule.Name == RuleOpenEntry: // there is load too
			severities = []model.Severity{model.Critical, model.Info}
		case rule.Name == RuleSuspiciousFile, rule.Name == RuleCPUUnattributed, rule.Name == RuleAllowListExpired:
			severities = []model.Severity{model.Warning, model.Info}
		}
		for _, severity := range severities {
			pairs = append(pairs, model.RuleSeverity{Rule: rule.Name, Severity: severity})
		}
	}
	return pairs
}

// meaning says what a rule stands for.
func meaning(name string) string {
	for _, rule := range Rules() {
		if rule.Name == name {
			return rule.Meaning
		}
	}
	panic("detect: no rule " + name)
}

// signal makes the evidence of a process rule.
func signal(name, evidence string) model.Signal {
	for _, rule := range Rules() {
		if rule.Name == name {
			return model.Signal{Rule: name, Family: rule.Family, Technique: rule.Technique, Evidence: evidence}
		}
	}
	panic("detect: no rule " + name)
}
