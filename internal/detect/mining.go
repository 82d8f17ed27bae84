package detect

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	burnsCores     = 0.5
	hugePagesLeast = 256 << 10 // KiB: RandomX's cache
)

// randomXMemory holds for the memory map of RandomX (T1496.001): the size of its
// dataset, or of its cache with a scratchpad for each thread, is that of nothing
// else. Whoever renames, throttles or packs a miner leaves it.
func randomXMemory(v *view) (string, strength) {
	look := v.process.Inspection
	if look == nil || look.MemorySignature == "" {
		return "", absent
	}
	what := "the dataset of RandomX"
	if look.MemorySignature == model.SignatureRandomXLight {
		what = "the cache of RandomX, with a scratchpad for each thread"
	}
	return fmt.Sprintf("Its memory holds %s: one anonymous mapping of %d KiB.", what, look.MemorySignatureKiB), strong
}

// msrAccess holds for a program that computes and holds the model-specific
// registers open: miners turn the prefetcher off there (T1496.001).
func msrAccess(v *view) (string, strength) {
	if v.process.Inspection == nil || !v.process.Inspection.MSR || v.process.Cores < burnsCores {
		return "", absent
	}
	return "It holds /dev/cpu/*/msr open and computes: miners set up the processor there.", strong
}

// hugePages notes those of a program that computes. Databases and virtual
// machines use them too.
func hugePages(v *view) (string, strength) {
	if v.process.Inspection == nil || v.process.Inspection.HugePagesKiB < hugePagesLeast || v.process.Cores < burnsCores {
		return "", absent
	}
	return fmt.Sprintf("It uses %d KiB of huge pages, as miners do.", v.process.Inspection.HugePagesKiB), weak
}

// equalThreads notes threads that all work alike, as of a miner, and of a
// training job.
func equalThreads(v *view) (string, strength) {
	if v.process.Inspection == nil || v.process.Inspection.EqualThreads == 0 {
		return "", absent
	}
	return fmt.Sprintf("%d of its threads work alike without a pause.", v.process.Inspection.EqualThreads), weak
}
