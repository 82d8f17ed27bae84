// Package detect tells a miner from a process that is only busy. Its rules are
// pure functions over one snapshot: no I/O, and no clock but the one passed in.
package detect

import "github.com/cryptojack-exporter/cryptojack_exporter/internal/host"

// Rule names are label values of cryptojack_findings. The set is closed.
const (
	RuleKnownMinerHash    = "known_miner_hash"
	RuleKnownMinerName    = "known_miner_name"
	RuleMinerCommandLine  = "miner_command_line"
	RuleMemfdExecutable   = "memfd_executable"
	RuleDeletedExecutable = "deleted_executable"
	RuleHiddenPath        = "hidden_path"
	RuleRunsFromTemp      = "runs_from_temp"
	RuleHiddenByMount     = "hidden_by_mount"
	RuleCPUUnattributed   = "cpu_unattributed"
	RuleSustainedCPU      = "sustained_cpu"
	RuleRespawn           = "respawn"
	RuleGuardian          = "guardian"
	RuleSuspiciousFile    = "suspicious_file"
	RuleExposedService    = "exposed_service"
)

// Rule says what a rule stands for.
type Rule struct {
	Name      string
	Family    host.Family // "" for what is no process
	Technique string      // MITRE ATT&CK (Enterprise, Linux)
	Meaning   string
}

// Rules lists every rule; those about processes come first, the strongest
// first: the first that holds names the finding.
func Rules() []Rule {
	return []Rule{
		{RuleKnownMinerHash, host.FamilyIndicator, "T1496.001", "runs a file whose SHA-256 is on the list of known miners"},
		{RuleKnownMinerName, host.FamilyIndicator, "T1496.001", "has the name of a known miner or of its keeper"},
		{RuleMinerCommandLine, host.FamilyIndicator, "T1496.001", "was started with the arguments of a miner"},
		{RuleMemfdExecutable, host.FamilyPlace, "T1620", "runs from memory: it never had a file"},
		{RuleDeletedExecutable, host.FamilyPlace, "T1070.004", "runs from a file that was deleted"},
		{RuleHiddenPath, host.FamilyPlace, "T1564.001", "runs from a hidden place"},
		{RuleRunsFromTemp, host.FamilyPlace, "T1059.004", "runs from a directory that everybody may write to"},
		{RuleHiddenByMount, host.FamilyDisguise, "T1564.013", "is hidden by a mount over its directory in /proc"},
		{RuleSustainedCPU, host.FamilyMining, "T1496.001", "keeps the CPU busy without a pause"},
		{RuleRespawn, host.FamilySurvival, "T1543", "comes back after it ended"},
		{RuleGuardian, host.FamilySurvival, "T1543", "keeps a suspect alive"},
		{RuleCPUUnattributed, "", "T1014", "CPU time is used by no process that can be seen"},
		{RuleSuspiciousFile, "", "T1105", "a program lies where only data belongs"},
		{RuleExposedService, "", "T1190", "a service that miners enter by can be reached by others"},
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

// signal makes the evidence of a process rule.
func signal(name, evidence string) host.Signal {
	for _, rule := range Rules() {
		if rule.Name == name {
			return host.Signal{Rule: name, Family: rule.Family, Technique: rule.Technique, Evidence: evidence}
		}
	}
	panic("detect: no rule " + name)
}
