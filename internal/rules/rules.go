// Package rules knows the rules by their names: what each stands for, of which kind its
// evidence is, and what the evidence of a suspect says together. What makes a rule hold is
// in detect.
package rules

import "github.com/cryptojack-exporter/cryptojack_exporter/internal/model"

// Rule names are label values of cryptojack_findings. The set is closed.
const (
	KnownMinerHash   = "known_miner_hash"
	KnownMinerName   = "known_miner_name"
	MinerCommandLine = "miner_command_line"
	MinerWords       = "miner_words"

	MemfdExecutable   = "memfd_executable"
	DeletedExecutable = "deleted_executable"
	HiddenPath        = "hidden_path"
	RunsFromTemp      = "runs_from_temp"
	PrivatePath       = "private_path"
	ScriptFromTemp    = "script_from_temp"

	HiddenProcess    = "hidden_process"
	KernelThreadName = "kernel_thread_name"
	ForgedArguments  = "forged_arguments"
	LookalikeName    = "lookalike_name"
	NotOfPackage     = "not_of_package"
	MemoryHangs      = "memory_hangs"
	PreloadedLibrary = "preloaded_library"
	ForeignLibrary   = "foreign_library"
	PackedExecutable = "packed_executable"

	RandomXCode    = "randomx_code"
	RandomXMemory  = "randomx_memory"
	PoolConnection = "pool_connection"
	GPUAccess      = "gpu_access"
	MSRAccess      = "msr_access"
	HugePages      = "huge_pages"
	EqualThreads   = "equal_threads"
	OpenEntry      = "open_entry"
	SustainedCPU   = "sustained_cpu"
	ThrottledCPU   = "throttled_cpu"

	Respawn         = "respawn"
	Guardian        = "guardian"
	StartedByItself = "started_by_itself"

	PersistenceEntry = "persistence_entry"
	CPUUnattributed  = "cpu_unattributed"
	SuspiciousFile   = "suspicious_file"
	ExposedService   = "exposed_service"
	AllowListExpired = "allow_list_expired"
	ExporterTampered = "exporter_tampered"
)

// Rule says what a rule stands for.
type Rule struct {
	Name      string
	Family    model.Family // "" for what is no process
	Technique string       // MITRE ATT&CK (Enterprise, Linux); "" for what is no attack
	Meaning   string
}

// All lists every rule; those about processes come first, the strongest
// first: the first that holds names the finding.
func All() []Rule {
	return []Rule{
		{KnownMinerHash, model.FamilyIndicator, "T1496.001", "runs a file whose SHA-256 is on the list of known miners"},
		{KnownMinerName, model.FamilyIndicator, "T1496.001", "has the name of a known miner or of its guardian"},
		{MinerCommandLine, model.FamilyIndicator, "T1496.001", "was started with the arguments of a miner"},
		{MinerWords, model.FamilyIndicator, "T1496.001", "is a program that carries the words of miners' protocols and options"},
		{MemfdExecutable, model.FamilyPlace, "T1620", "runs from memory: it never had a file"},
		{DeletedExecutable, model.FamilyPlace, "T1070.004", "runs from a file that was deleted"},
		{HiddenPath, model.FamilyPlace, "T1564.001", "runs from a hidden place"},
		{RunsFromTemp, model.FamilyPlace, "T1059.004", "runs from a directory that everybody may write to"},
		{PrivatePath, model.FamilyPlace, "T1564", "runs a file that only its own mount namespace has there"},
		{ScriptFromTemp, model.FamilyPlace, "T1059", "burns CPU with a script from a directory that everybody may write to"},
		{HiddenProcess, model.FamilyDisguise, "T1014", "is hidden: the kernel lists it, and /proc does not show it"},
		{KernelThreadName, model.FamilyDisguise, "T1036.004", "calls itself a kernel thread and is a program"},
		{ForgedArguments, model.FamilyDisguise, "T1036.011", "has wiped or forged its arguments"},
		{LookalikeName, model.FamilyDisguise, "T1036.005", "has nearly the name of something else"},
		{NotOfPackage, model.FamilyDisguise, "T1554", "lies where packages put programs, and is not what a package has put there"},
		{MemoryHangs, model.FamilyDisguise, "T1564", "has memory that cannot be read: whoever reads it waits for ever"},
		{PreloadedLibrary, model.FamilyDisguise, "T1574.006", "was started with a library from a place where none belongs"},
		{ForeignLibrary, model.FamilyDisguise, "T1129", "runs code of a library from where none belongs"},
		{PackedExecutable, model.FamilyDisguise, "T1027.002", "is packed, so that its content cannot be read"},
		{RandomXCode, model.FamilyMining, "T1496.001", "holds the code of RandomX, which mines Monero"},
		{RandomXMemory, model.FamilyMining, "T1496.001", "has the memory of RandomX, which mines Monero"},
		{PoolConnection, model.FamilyMining, "T1496.001", "is connected to a mining pool"},
		{GPUAccess, model.FamilyMining, "T1496.001", "holds a GPU open and runs from where no such program belongs"},
		{MSRAccess, model.FamilyMining, "T1496.001", "sets up the processor for mining (MSR)"},
		{HugePages, model.FamilyMining, "T1496.001", "uses huge pages"},
		{EqualThreads, model.FamilyMining, "T1496.001", "has threads that all work alike"},
		{OpenEntry, model.FamilyEntry, "T1190", "burns CPU below an exposed service that lets anybody in, and is not part of it"},
		{SustainedCPU, model.FamilyLoad, "T1496.001", "keeps the CPU busy without a pause"},
		{ThrottledCPU, model.FamilyLoad, "T1496.001", "uses the same share of the CPU for long"},
		{Respawn, model.FamilySurvival, "T1543", "comes back after it ended"},
		{Guardian, model.FamilySurvival, "T1543", "keeps a suspect alive"},
		{StartedByItself, model.FamilySurvival, "T1053", "is started by cron, a unit or the like"},
		{PersistenceEntry, "", "T1053.003", "something that starts programs by itself starts what it should not"},
		{CPUUnattributed, "", "T1014", "CPU time is used by no process that can be seen"},
		{SuspiciousFile, "", "T1105", "a program lies where only data belongs"},
		{ExposedService, "", "T1190", "a service that miners enter by can be reached by others"},
		{AllowListExpired, "", "", "an entry of the allow list has ended"},
		{ExporterTampered, "", "T1562.001", "somebody has stopped the exporter, or changed what it runs from"},
	}
}

// Names lists the names of all rules in order.
func Names() []string {
	names := make([]string, 0, len(All()))
	for _, rule := range All() {
		names = append(names, rule.Name)
	}
	return names
}

// Severities lists the severities that findings of each rule can have, as long as
// the configuration sets no lower ones: cryptojack_findings has a series for each, at 0
// from the first scrape. A finding is named by its strongest evidence, so that rules
// which are always weak name none.
func Severities() []model.RuleSeverity {
	var pairs []model.RuleSeverity
	for _, rule := range All() {
		severities := model.Severities()
		switch {
		case rule.Name == HugePages, rule.Name == EqualThreads:
			severities = nil
		case rule.Family == model.FamilyIndicator, rule.Family == model.FamilyLoad, rule.Name == HiddenProcess:
			severities = []model.Severity{model.Critical, model.Info}
		case rule.Family == model.FamilySurvival: // joins evidence of other kinds, which name the finding
			severities = []model.Severity{model.Critical}
		case rule.Name == OpenEntry: // there is load too
			severities = []model.Severity{model.Critical, model.Info}
		case rule.Name == SuspiciousFile, rule.Name == CPUUnattributed, rule.Name == AllowListExpired, rule.Name == ExporterTampered:
			severities = []model.Severity{model.Warning, model.Info}
		}
		for _, severity := range severities {
			pairs = append(pairs, model.RuleSeverity{Rule: rule.Name, Severity: severity})
		}
	}
	return pairs
}

// Meaning says what a rule stands for.
func Meaning(name string) string {
	for _, rule := range All() {
		if rule.Name == name {
			return rule.Meaning
		}
	}
	panic("rules: no rule " + name)
}

// Signal makes the evidence of a process rule.
func Signal(name, evidence string) model.Signal {
	for _, rule := range All() {
		if rule.Name == name {
			return model.Signal{Rule: name, Family: rule.Family, Technique: rule.Technique, Evidence: evidence}
		}
	}
	panic("rules: no rule " + name)
}
