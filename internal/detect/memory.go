package detect

import (
	"fmt"
	"path"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// residentLeast is the share of the memory that must be resident: a reserve is not, and a
// dataset is filled within a minute or two, from its start.
const residentLeast = 0.5

// randomXMemory holds for the memory of RandomX (T1496.001): the size of its dataset, or of
// its cache with a scratchpad for each thread. Whoever renames, throttles or packs a miner
// leaves it. Heaps and reserves of the same size are told from it by what RandomX also
// needs: the memory is used, and its programs are compiled into executable memory.
func randomXMemory(of subject) (string, strength) {
	look := of.process.Inspection
	if look == nil || look.Memory.Signature == "" {
		return "", absent
	}
	memory := &look.Memory
	evidence, doubt := memoryWords(memory), memoryDoubt(of.process)
	switch {
	case memory.Signature == model.SignatureLarge && (doubt != "" || look.EqualThreads == 0):
		return "", absent
	case memory.Signature == model.SignatureLarge:
		return fmt.Sprintf("%s, compiled code, and %d threads that all work alike.", evidence, look.EqualThreads), weak
	case doubt != "":
		return evidence + ". But " + doubt + ".", weak
	default:
		return evidence + ".", strong
	}
}

// memoryWords say what was found.
func memoryWords(memory *model.MemoryShape) string {
	scratchpads := ""
	if memory.Scratchpads > 0 {
		scratchpads = fmt.Sprintf(", %s", many(memory.Scratchpads, "scratchpad"))
	}
	const cacheKiB, datasetKiB = 256 << 10, 2080 << 10
	what := "the dataset of RandomX"
	switch {
	case memory.Signature == model.SignatureLarge:
		return fmt.Sprintf("It holds %d KiB of contiguous memory, enough for the dataset of RandomX", memory.KiB)
	case memory.Signature == model.SignatureRandomXLight:
		what = "the cache of RandomX"
	case memory.KiB >= datasetKiB+cacheKiB && memory.KiB != 3<<20: // three pages of 1 GiB
		what = "the dataset and the cache of RandomX"
	}
	return fmt.Sprintf("Its memory holds %s%s: %d KiB of contiguous memory", what, scratchpads, memory.KiB)
}

// memoryDoubt says what else the memory may be, or "". A program from where none is
// installed may load any library, so that none speaks for it.
func memoryDoubt(p *model.Process) string {
	memory := &p.Inspection.Memory
	resident := p.RSSBytes>>10 + p.Inspection.HugePagesKiB // huge pages are not in the resident set (fs/proc/task_mmu.c)
	_, interpreter := programs.InterpreterOf(path.Base(p.Exe))
	engine := memory.Engine != "" && !p.Origin.Suspicious()
	light := memory.Signature != model.SignatureRandomXFast
	switch {
	case float64(resident) < residentLeast*float64(memory.KiB):
		return "little of it is in use, as of a reserve"
	case engine && memory.Runtime:
		return fmt.Sprintf("%s runs in it, which compiles code and has a heap of its own", quote(memory.Engine))
	case engine && light: // a compiler explains the code, and not the size of a dataset
		return fmt.Sprintf("%s is part of it, which compiles code", quote(memory.Engine))
	case memory.IsCompiled():
		return ""
	case memory.Shared:
		return "it is shared memory and no code is compiled in it, as of a database"
	case interpreter:
		return "it is that of an interpreter, and no code is compiled in it, as of a large array"
	case !memory.Exact:
		return "no code is compiled in it, and heaps come by this size while they grow"
	default:
		return ""
	}
}

// many is a number of things.
func many(count int, thing string) string {
	if count == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", count, thing)
}
