// Package fingerprint finds in a stream of bytes what a miner cannot do without: the
// constants of RandomX in its code, and the words of the protocols and options of
// miners. It does no I/O and imports nothing of ours.
package fingerprint

import (
	"encoding/binary"
	"math/bits"
)

const (
	// EnoughConstants of the seven say that RandomX is there. One alone may be chance or
	// somebody's table of numbers.
	EnoughConstants = 5
	// EnoughWords different ones of a list say what a program is. Fewer stand in tools
	// that look for miners, and in documentation.
	EnoughWords = 3

	// Every pattern has at least eight bytes, so one of the four-byte grams that
	// begin at every fifth byte lies wholly in it, wherever it begins.
	gramBytes     = 4
	stride        = 5
	shortest      = gramBytes + stride - 1
	longest       = 32
	filterBits    = 16
	filterFactor  = 2654435761 // of multiplicative hashing: 2^32 divided by the golden ratio
	blockOfBorder = 2 * (longest - 1)
)

// list says what a pattern stands for.
type list uint8

const (
	randomX list = iota
	minerWords
	nodeWords
	lists
)

// pattern is a string of bytes that is looked for.
type pattern struct {
	bytes []byte
	list  list
	index int // in its list
}

// place is where in a pattern a gram stands.
type place struct {
	pattern int
	offset  int
}

// Matcher knows the patterns. It is never changed, and may be used by several goroutines.
type Matcher struct {
	filter   [1 << filterBits / 64]uint64
	grams    map[uint32][]place
	patterns []pattern
	words    []string // of miners
}

// NewMatcher returns a matcher of all patterns.
func NewMatcher() *Matcher {
	m := &Matcher{grams: map[uint32][]place{}}
	for i, constant := range constants() {
		m.add(pattern{binary.LittleEndian.AppendUint64(nil, constant), randomX, i})
	}
	m.words = plain(wordsOfMiners())
	for i, word := range m.words {
		m.add(pattern{[]byte(word), minerWords, i})
	}
	for i, word := range plain(wordsOfNodes()) {
		m.add(pattern{[]byte(word), nodeWords, i})
	}
	return m
}

func (m *Matcher) add(p pattern) {
	m.patterns = append(m.patterns, p)
	for offset := range stride {
		gram := binary.LittleEndian.Uint32(p.bytes[offset:])
		m.grams[gram] = append(m.grams[gram], place{len(m.patterns) - 1, offset})
		hash := gram * filterFactor >> (32 - filterBits)
		m.filter[hash/64] |= 1 << (hash % 64) // see may
	}
}

// Found is a set of patterns.
type Found [lists]uint64

// Union is what was found in either.
func (f Found) Union(other Found) Found {
	for i := range f {
		f[i] |= other[i]
	}
	return f
}

// RandomX tells whether enough of the constants of RandomX were found.
func (f Found) RandomX() bool { return bits.OnesCount64(f[randomX]) >= EnoughConstants }

// NodeWords is how many different words of node software were found.
func (f Found) NodeWords() int { return bits.OnesCount64(f[nodeWords]) }

// MinerWords lists the words of miners that were found.
func (m *Matcher) MinerWords(f Found) []string {
	var words []string
	for i, word := range m.words {
		if f[minerWords]>>i&1 != 0 {
			words = append(words, word)
		}
	}
	return words
}

// Scan looks for the patterns in what is written to it, also across the borders of
// what is written at once.
type Scan struct {
	matcher *Matcher
	found   Found
	border  [blockOfBorder]byte // what was written last
	kept    int                 // bytes of border
}

// NewScan begins a scan.
func (m *Matcher) NewScan() *Scan { return &Scan{matcher: m} }

// Found is what was found so far.
func (s *Scan) Found() Found { return s.found }

// Cut has what is written next begin anew: it does not follow what was written before.
func (s *Scan) Cut() { s.kept = 0 }

// Write looks through the next bytes. It never fails.
func (s *Scan) Write(p []byte) (int, error) {
	if s.kept > 0 {
		n := copy(s.border[s.kept:], p[:min(len(p), longest-1)])
		s.matcher.match(s.border[:s.kept+n], &s.found)
	}
	s.matcher.match(p, &s.found)
	s.keep(p)
	return len(p), nil
}

// keep remembers the last bytes, in which a pattern may begin.
func (s *Scan) keep(p []byte) {
	if len(p) >= longest-1 {
		s.kept = copy(s.border[:], p[len(p)-(longest-1):])
		return
	}
	all := append(append(make([]byte, 0, blockOfBorder), s.border[:s.kept]...), p...)
	s.kept = copy(s.border[:], all[max(0, len(all)-(longest-1)):])
}

// match adds the patterns that lie in one piece. A matcher never changes, so that the
// race detector need not watch each of the bytes: it would make the scan slower than the
// time that reads of hostile files get.
//
//go:norace
func (m *Matcher) match(p []byte, found *Found) {
	at := 0
	// Four at once: it is what most of the time goes into.
	for ; at+3*stride+gramBytes <= len(p); at += 4 * stride {
		block := p[at : at+3*stride+gramBytes]
		a, b := binary.LittleEndian.Uint32(block), binary.LittleEndian.Uint32(block[stride:])
		c, d := binary.LittleEndian.Uint32(block[2*stride:]), binary.LittleEndian.Uint32(block[3*stride:])
		if (m.may(a)|m.may(b)|m.may(c)|m.may(d))&1 == 0 {
			continue
		}
		for i, gram := range [...]uint32{a, b, c, d} {
			m.compare(p, at+i*stride, gram, found)
		}
	}
	for ; at+gramBytes <= len(p); at += stride {
		m.compare(p, at, binary.LittleEndian.Uint32(p[at:]), found)
	}
}

// may tells by its lowest bit whether a gram may be one of a pattern.
//
//go:norace
func (m *Matcher) may(gram uint32) uint64 {
	hash := gram * filterFactor >> (32 - filterBits)
	return m.filter[hash/64] >> (hash % 64)
}

// compare adds the patterns that really stand around a gram.
func (m *Matcher) compare(p []byte, at int, gram uint32, found *Found) {
	if m.may(gram)&1 == 0 {
		return
	}
	for _, place := range m.grams[gram] {
		pattern := &m.patterns[place.pattern]
		from := at - place.offset
		if from >= 0 && from+len(pattern.bytes) <= len(p) && string(p[from:from+len(pattern.bytes)]) == string(pattern.bytes) {
			found[pattern.list] |= 1 << pattern.index
		}
	}
}
