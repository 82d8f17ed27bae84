package inspect

import (
	"io"
	"os"

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
	// moreScratchpads is how many more scratchpads than threads there may be: a miner has one
	// for each thread that hashes, and threads that do not.
	moreScratchpads = 2
	// goHeap is where the heap of every Go program begins (runtime/malloc.go, 64-bit Linux).
	goHeap = 0xc000000000
	// maxPieces bounds the mappings of one contiguous memory that are looked at, and so the
	// time: nobody needs that many, and what has more is judged as a whole.
	maxPieces = 64
)

// run is contiguous memory: mappings of which each begins where the last one ends.
type run struct {
	pieces []uint64 // sizes of the mappings
	begin  uint64
	end    uint64
	sum    uint64
	shared bool
	heap   bool // it grows step by step, and comes by every size
}

// search gathers what a memory map shows.
type search struct {
	most    int // scratchpads that the process may have
	page    uint64
	current run
	best    model.MemoryShape
	light   struct {
		cache, scratchpads uint64 // bytes of a cache by itself; scratchpads by themselves
		shared             bool
	}
	largest  run
	compiled uint64
	engine   engine
}

// memoryOf reads a memory map (proc_pid_maps(5)) of a program with so many threads.
func memoryOf(maps io.Reader, threads int, program string) (memory, error) {
	s := search{most: threads + moreScratchpads, page: uint64(os.Getpagesize())}
	l := libraries{program: program}
	err := forEachMapping(maps, func(m *mapping) { s.see(m); l.see(m) })
	s.close()
	return memory{s.shape(), l}, err
}

func (s *search) see(m *mapping) {
	if found, ok := engineOf(m); ok && (s.engine.path == "" || found.runtime && !s.engine.runtime) {
		s.engine = found
	}
	kind := m.kind()
	if kind == ofFile || m.reserved {
		s.close() // a reserve holds no memory, and the dataset has no holes
		return
	}
	if m.executable && kind != ofDeleted {
		s.compiled += m.size()
	}
	switch {
	case kind == ofHugePage: // each by itself: nothing of it is merged
		s.close()
		s.add(m)
		if m.size() == datasetIn1GiB {
			s.take(model.MemoryShape{Signature: model.SignatureRandomXFast, KiB: datasetIn1GiB >> 10, Shared: m.shared})
		}
		s.close()
	case m.start == s.current.end && len(s.current.pieces) > 0:
		s.add(m)
	default:
		s.close()
		s.add(m)
	}
}

func (s *search) add(m *mapping) {
	r := &s.current
	if len(r.pieces) == 0 {
		r.begin, r.heap = m.start, m.start == goHeap
	}
	if len(r.pieces) < maxPieces {
		r.pieces = append(r.pieces, 0)
	}
	r.pieces[len(r.pieces)-1] += m.size()
	r.end, r.sum = m.end, r.sum+m.size()
	r.shared = r.shared || m.shared || m.kind() == ofDeleted
	r.heap = r.heap || string(m.name) == "[heap]"
}

// close judges the contiguous memory that has come to its end.
func (s *search) close() {
	r := s.current
	s.current = run{pieces: r.pieces[:0]}
	if r.sum > s.largest.sum {
		s.largest = run{sum: r.sum, shared: r.shared}
	}
	if r.sum >= datasetBytes {
		s.findDataset(&r)
	} else if r.sum >= scratchpadBytes {
		s.findCache(&r)
	}
}

// findDataset looks for a dataset among the pieces, and what lies beside it: other memory
// that is not RandomX's may touch it, such as the stack of a thread.
func (s *search) findDataset(r *run) {
	most := datasetBytes + cacheBytes + s.slack()
	for from := range r.pieces {
		size := uint64(0)
		for _, piece := range r.pieces[from:] {
			if size += piece; size > most {
				break
			}
			if size < datasetBytes {
				continue
			}
			for _, cache := range []uint64{0, cacheBytes} {
				if scratchpads, exact, ok := s.blocks(size, datasetBytes+cache, 1+cache/cacheBytes); ok {
					s.take(model.MemoryShape{
						Signature: model.SignatureRandomXFast, KiB: size >> 10, Scratchpads: scratchpads,
						Exact: exact && !r.heap && !r.shared, Shared: r.shared,
					})
				}
			}
		}
	}
}

// slack is how much memory the scratchpads are at most, and the pages that an allocator puts beside each block.
func (s *search) slack() uint64 { return uint64(s.most)*(scratchpadBytes+2*s.page) + 6*s.page }

// findCache looks for a cache, with its scratchpads or without, and for scratchpads by
// themselves. Those of several threads lie side by side.
func (s *search) findCache(r *run) {
	most := cacheBytes + s.slack()
	for from := range r.pieces {
		size := uint64(0)
		for _, piece := range r.pieces[from:] {
			if size += piece; size > most {
				break
			}
			if size < cacheBytes {
				continue
			}
			scratchpads, _, ok := s.blocks(size, cacheBytes, 1)
			switch {
			case !ok:
			case scratchpads == 0:
				s.light.cache, s.light.shared = size, r.shared
			default:
				s.take(model.MemoryShape{Signature: model.SignatureRandomXLight, KiB: size >> 10, Scratchpads: scratchpads, Shared: r.shared})
			}
		}
	}
	for _, piece := range r.pieces {
		if scratchpads, _, ok := s.blocks(piece, 0, 0); ok {
			s.light.scratchpads += uint64(scratchpads)
		}
	}
}

// blocks takes a size apart into so many blocks of known size, and scratchpads. An
// allocator puts a page before each block, or two to align it, or none; glibc's
// posix_memalign(3), which RandomX and xmrig use, puts one. exact tells that there is one
// for each, or that there is nothing but a dataset.
func (s *search) blocks(size, known, count uint64) (scratchpads int, exact, ok bool) {
	if size < known {
		return 0, false, false
	}
	number := (size - known) / scratchpadBytes
	pages := (size - known) % scratchpadBytes / s.page
	count += number
	near := func(a, b uint64) bool { return a <= b+1 && b <= a+1 }
	if number > uint64(s.most) || pages != 0 && !near(pages, count) && !near(pages, 2*count) {
		return 0, false, false
	}
	return int(number), pages == count || known == datasetBytes && number == 0, true
}

// take keeps the best: a dataset before a cache, and an exact one before others.
func (s *search) take(shape model.MemoryShape) {
	value := func(m *model.MemoryShape) int {
		switch {
		case m.Signature == model.SignatureRandomXFast && m.Exact:
			return 3
		case m.Signature == model.SignatureRandomXFast:
			return 2
		case m.Signature == model.SignatureRandomXLight:
			return 1
		default:
			return 0
		}
	}
	if value(&shape) > value(&s.best) {
		s.best = shape
	}
}

// shape is what was found, the best first.
func (s *search) shape() model.MemoryShape {
	compiled := model.MemoryShape{CompiledKiB: s.compiled >> 10}.IsCompiled()
	if s.light.cache > 0 && s.light.scratchpads > 0 {
		s.take(model.MemoryShape{
			Signature: model.SignatureRandomXLight, KiB: s.light.cache >> 10, Scratchpads: int(s.light.scratchpads), Shared: s.light.shared,
		})
	}
	if s.best.Signature == model.SignatureRandomXLight && !compiled {
		s.best = model.MemoryShape{}
	}
	if s.best.Signature == "" && s.largest.sum >= datasetBytes && compiled {
		s.best = model.MemoryShape{Signature: model.SignatureLarge, KiB: s.largest.sum >> 10, Shared: s.largest.shared}
	}
	if s.best.Signature != "" {
		s.best.CompiledKiB, s.best.Engine, s.best.Runtime = s.compiled>>10, s.engine.path, s.engine.runtime
	}
	return s.best
}
