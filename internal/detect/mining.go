package detect

import "fmt"

const (
	burnsCores     = 0.5
	hugePagesLeast = 256 << 10 // KiB: RandomX's cache
)

// msrAccess holds for a program that computes and holds the model-specific
// registers open: miners turn the prefetcher off there (T1496.001).
func msrAccess(of subject) (string, strength) {
	if of.process.Inspection == nil || !of.process.Inspection.MSR || of.process.Cores < burnsCores {
		return "", absent
	}
	return "It holds /dev/cpu/*/msr open and computes: miners set up the processor there.", strong
}

// hugePages notes those of a program that computes. Databases and virtual
// machines use them too.
func hugePages(of subject) (string, strength) {
	if of.process.Inspection == nil || of.process.Inspection.HugePagesKiB < hugePagesLeast || of.process.Cores < burnsCores {
		return "", absent
	}
	return fmt.Sprintf("It uses %d KiB of huge pages, as miners do.", of.process.Inspection.HugePagesKiB), weak
}

// equalThreads notes threads that all work alike, as of a miner, and of a
// training job.
func equalThreads(of subject) (string, strength) {
	if of.process.Inspection == nil || of.process.Inspection.EqualThreads == 0 {
		return "", absent
	}
	return fmt.Sprintf("%d of its threads work alike without a pause.", of.process.Inspection.EqualThreads), weak
}
