package model

// MemorySignature is what the memory map of a process looks like.
type MemorySignature string

// The signatures that RandomX leaves (its configuration.h: RANDOMX_DATASET_BASE_SIZE,
// RANDOMX_ARGON_MEMORY, RANDOMX_SCRATCHPAD_L3), and what it leaves where its memory is padded.
const (
	SignatureRandomXFast  MemorySignature = "randomx_fast"  // 2,080 MiB, with or without 256 MiB and 2 MiB for each thread
	SignatureRandomXLight MemorySignature = "randomx_light" // 256 MiB and 2 MiB for each thread
	SignatureLarge        MemorySignature = "large"         // 2,080 MiB or more, of no size of RandomX, with compiled code
)

// CompiledLeastKiB is the least that RandomX compiles its programs into.
const CompiledLeastKiB = 64

// MemoryShape is what the memory map of a process shows, as far as it may be that of
// RandomX. It is of contiguous memory, in however many mappings that is: the kernel
// merges neighbours that are alike, and a mapping is split by whoever changes the
// permissions of a page.
type MemoryShape struct {
	Signature   MemorySignature // "" for none
	KiB         uint64          // of the contiguous memory that has the signature
	Scratchpads int             // of 2 MiB each that it holds besides dataset and cache, or that lie elsewhere in light mode
	Exact       bool            // no allocator that grows its heap step by step comes by this size
	Shared      bool            // part of it is memory that other processes may map
	CompiledKiB uint64          // of memory that is executable and belongs to no file
	Engine      string          // the file of what compiles while it runs, mapped as code; "" if none is
	Runtime     bool            // Engine is one that has a heap of its own, whose size its user sets: a JVM, a browser
}

// IsCompiled tells whether the process holds as much compiled code as RandomX does.
func (m MemoryShape) IsCompiled() bool { return m.CompiledKiB >= CompiledLeastKiB }
