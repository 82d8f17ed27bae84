package fingerprint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// TestPatterns holds what the filter rests on: no pattern is shorter or longer than it
// says, and none is there twice.
func TestPatterns(t *testing.T) {
	t.Parallel()
	m := NewMatcher()
	seen := map[string]bool{}
	for _, p := range m.patterns {
		if len(p.bytes) < shortest || len(p.bytes) > longest || p.index >= 64 || seen[string(p.bytes)] {
			t.Errorf("%q", p.bytes)
		}
		seen[string(p.bytes)] = true
	}
	if !slices.Contains(m.words, "mining."+"subscribe") || constants()[0] != 9298411001130361340 {
		t.Error("the patterns are not what they stand for")
	}
}

func noise(size int) []byte {
	content := make([]byte, size)
	source := rand.NewChaCha8([32]byte{1})
	source.Read(content)
	return content
}

// TestScan puts each pattern at every offset within a stride and across the borders of
// chunks of many sizes.
func TestScan(t *testing.T) {
	t.Parallel()
	m := NewMatcher()
	for _, p := range m.patterns {
		var want Found
		want[p.list] = 1 << p.index
		for offset := range 2*stride + 1 {
			content := noise(200)
			copy(content[60+offset:], p.bytes)
			for _, size := range []int{1, 2, 3, 7, 31, 60, 64, 70, 200} {
				scan := m.NewScan()
				for chunk := range slices.Chunk(content, size) {
					scan.Write(chunk)
				}
				if scan.Found() != want {
					t.Fatalf("%q at %d in chunks of %d: %v", p.bytes, 60+offset, size, scan.Found())
				}
			}
		}
	}
}

// TestEdges: patterns at the very beginning and end, and what only looks like one.
func TestEdges(t *testing.T) {
	t.Parallel()
	m := NewMatcher()
	word := m.words[1]
	for content, want := range map[string]int{
		word: 1, word[1:]: 0, word[:len(word)-1]: 0, word + word: 1, "": 0, "x": 0, strings.ToUpper(word): 0, word + "x" + m.words[2]: 2,
	} {
		scan := m.NewScan()
		io.WriteString(scan, content)
		if got := m.MinerWords(scan.Found()); len(got) != want {
			t.Errorf("%q: %q", content, got)
		}
	}
	scan := m.NewScan()
	io.WriteString(scan, word[:5])
	scan.Cut()
	io.WriteString(scan, word[5:])
	if got := m.MinerWords(scan.Found()); got != nil {
		t.Errorf("across a cut: %q", got)
	}
}

func TestEnough(t *testing.T) {
	t.Parallel()
	m := NewMatcher()
	for count := range 8 {
		scan := m.NewScan()
		for _, constant := range constants()[:count] {
			scan.Write(binary.LittleEndian.AppendUint64([]byte("mov"), constant))
		}
		if got := scan.Found().RandomX(); got != (count >= EnoughConstants) {
			t.Errorf("%d constants: %v", count, got)
		}
	}
	a, b := Found{1 << 0, 1, 3}, Found{1<<1 | 1<<2 | 1<<3 | 1<<4, 1, 4}
	if a.RandomX() || b.RandomX() || !a.Union(b).RandomX() || a.Union(b).NodeWords() != 3 {
		t.Error("a union is not that of the two")
	}
}

// TestOwnProgram: what looks for miners is none itself.
func TestOwnProgram(t *testing.T) {
	t.Parallel()
	file, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	defer file.Close()
	m := NewMatcher()
	scan := m.NewScan()
	if n, err := io.Copy(scan, file); err != nil || n < 1<<20 {
		t.Fatal(n, err)
	}
	if found := scan.Found(); found.RandomX() || len(m.MinerWords(found)) >= EnoughWords || found.NodeWords() >= EnoughWords {
		t.Errorf("this test calls itself a miner: %v %q", found, m.MinerWords(found))
	}
}

// FuzzScan compares with a search that takes no short cut.
func FuzzScan(f *testing.F) {
	m := NewMatcher()
	for _, p := range m.patterns {
		f.Add(append(noise(p.index%7), p.bytes...), byte(p.index))
	}
	f.Fuzz(func(t *testing.T, content []byte, size byte) {
		var want Found
		for _, p := range m.patterns {
			if bytes.Contains(content, p.bytes) {
				want[p.list] |= 1 << p.index
			}
		}
		scan := m.NewScan()
		for chunk := range slices.Chunk(content, int(size)+1) {
			scan.Write(chunk)
		}
		if scan.Found() != want {
			t.Errorf("got %v, want %v", scan.Found(), want)
		}
		scan = m.NewScan()
		if _, err := io.Copy(scan, iotest.OneByteReader(bytes.NewReader(content))); err != nil || scan.Found() != want {
			t.Errorf("byte by byte: %v, want %v", scan.Found(), want)
		}
	})
}

// BenchmarkScan compares with the hash that is taken of the same bytes: of noise, and of
// a real program.
func BenchmarkScan(b *testing.B) {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		b.Skip(err)
	}
	m := NewMatcher()
	for name, content := range map[string][]byte{"noise": noise(8 << 20), "program": program} {
		for kind, writer := range map[string]func() io.Writer{
			"scan":      func() io.Writer { return m.NewScan() },
			"sha256":    func() io.Writer { return sha256.New() },
			"scan+hash": func() io.Writer { return io.MultiWriter(sha256.New(), m.NewScan()) },
		} {
			b.Run(fmt.Sprintf("%s/%s", name, kind), func(b *testing.B) {
				b.SetBytes(int64(len(content)))
				for b.Loop() {
					w := writer()
					for chunk := range slices.Chunk(content, 32<<10) {
						w.Write(chunk)
					}
				}
			})
		}
	}
}
