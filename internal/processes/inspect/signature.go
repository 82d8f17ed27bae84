package inspect

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	mebibyte = 1 << 20

	// Sizes of RandomX (configuration.h of tevador/RandomX): the dataset is
	// RANDOMX_DATASET_BASE_SIZE + RANDOMX_DATASET_EXTRA_SIZE, 2,080 MiB less 64
	// bytes; the cache RANDOMX_ARGON_MEMORY KiB; a scratchpad RANDOMX_SCRATCHPAD_L3.
	datasetBytes    = 2080 * mebibyte
	cacheBytes      = 256 * mebibyte
	scratchpadBytes = 2 * mebibyte
	// datasetIn1GiB is what the dataset takes in pages of 1 GiB.
	datasetIn1GiB = 3072 * mebibyte
	// allocatorSlack is what malloc(3) and new put around a block. In pages of
	// 2 MiB a mapping is rounded up.
	allocatorSlack = 2 * mebibyte
	// compiledBytes is the least that RandomX compiles its programs into.
	compiledBytes = 64 << 10

	maxMapsBytes = 16 * mebibyte // of one memory map: 100,000 mappings
)

// signature is what a memory map looks like.
type signature struct {
	kind model.MemorySignature
	kib  uint64
}

// signatureOf reads a memory map (proc_pid_maps(5)) as far as it needs to.
func signatureOf(maps io.Reader) (signature, error) {
	var cache, compiled, scratchpads uint64
	var engine bool
	lines := bufio.NewScanner(io.LimitReader(maps, maxMapsBytes))
	lines.Buffer(make([]byte, 0, 8<<10), 1<<20)
	for lines.Scan() {
		size, flags, name, ok := parseMapping(lines.Bytes())
		if !ok {
			continue
		}
		if !isAnonymous(name) {
			engine = engine || isCodeEngine(name)
			continue
		}
		executable := strings.Contains(flags, "x")
		switch {
		case size >= datasetBytes && size <= datasetBytes+allocatorSlack, size == datasetIn1GiB && bytes.HasPrefix(name, hugePageName()):
			return signature{model.SignatureRandomXFast, size >> 10}, nil
		case size >= cacheBytes && size <= cacheBytes+allocatorSlack:
			cache = size
			if executable {
				compiled = size
			}
		case executable && size >= compiledBytes:
			compiled = size
		}
		// Scratchpads of several threads lie side by side and are one mapping then.
		if over := size % scratchpadBytes; size >= scratchpadBytes && size < cacheBytes && over <= 8<<10 {
			scratchpads += size / scratchpadBytes
		}
	}
	// Compilers of other languages map executable memory too. They are told by
	// the libraries that they are.
	if cache > 0 && scratchpads > 0 && compiled > 0 && !engine {
		return signature{model.SignatureRandomXLight, cache >> 10}, lines.Err()
	}
	return signature{}, lines.Err()
}

// parseMapping reads `START-END FLAGS OFFSET DEVICE INODE NAME`.
func parseMapping(line []byte) (size uint64, flags string, name []byte, ok bool) {
	fields := bytes.SplitN(line, []byte{' '}, 6)
	if len(fields) < 5 {
		return 0, "", nil, false
	}
	from, to, found := bytes.Cut(fields[0], []byte{'-'})
	start, errStart := strconv.ParseUint(string(from), 16, 64)
	end, errEnd := strconv.ParseUint(string(to), 16, 64)
	if !found || errStart != nil || errEnd != nil || end < start {
		return 0, "", nil, false
	}
	if len(fields) == 6 {
		name = bytes.TrimSpace(fields[5])
	}
	return end - start, string(fields[1]), name, true
}

func hugePageName() []byte { return []byte("/anon_hugepage") } // mm/hugetlb.c

func isAnonymous(name []byte) bool {
	return len(name) == 0 || bytes.HasPrefix(name, []byte("[anon")) || bytes.HasPrefix(name, hugePageName())
}

// isCodeEngine tells libraries and programs that compile while they run.
func isCodeEngine(name []byte) bool {
	base := string(name[bytes.LastIndexByte(name, '/')+1:])
	for _, engine := range []string{
		"libjvm.so", "node", "libnode", "libv8", "chrom", "electron", "libcoreclr", "libclrjit", "libmono", "libluajit", "libpypy",
		"libjavascriptcoregtk", "libxul", "libpcre2", "libLLVM", "libtorch", "libxla", "libgraal", "libwasmtime", "libnvrtc", "libcuda", "qemu", "beam.smp", "julia", "libjulia",
	} {
		if strings.HasPrefix(base, engine) {
			return true
		}
	}
	return false
}
