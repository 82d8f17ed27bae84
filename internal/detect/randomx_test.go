package detect

import (
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// resident gives a process memory of this shape, all of which is used.
func resident(memory model.MemoryShape) func(*model.Process) {
	return func(p *model.Process) {
		p.RSSBytes, p.Inspection = memory.KiB<<10, &model.Inspection{Memory: memory}
	}
}

// TestRandomXMemory holds each shape of RandomX's memory, and what looks alike, to a verdict.
func TestRandomXMemory(t *testing.T) {
	t.Parallel()
	shape := func(change func(*model.MemoryShape)) func(*model.Process) {
		memory := model.MemoryShape{Signature: model.SignatureRandomXFast, KiB: 2_396_160, Scratchpads: 2, CompiledKiB: 96}
		change(&memory)
		return resident(memory)
	}
	plain := func(*model.MemoryShape) {}
	jvm := func(m *model.MemoryShape) { m.Engine, m.Runtime = "/usr/lib/jvm/lib/server/libjvm.so", true }
	pcre := func(m *model.MemoryShape) { m.Engine = "/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0" }
	noCode := func(m *model.MemoryShape) { m.CompiledKiB = 8 }
	exact := func(m *model.MemoryShape) { noCode(m); m.Exact = true }
	shared := func(m *model.MemoryShape) { m.Shared = true }
	light := func(m *model.MemoryShape) {
		m.Signature, m.KiB = model.SignatureRandomXLight, 266_252
	}
	large := func(m *model.MemoryShape) { m.Signature, m.Scratchpads = model.SignatureLarge, 0 }
	and := func(changes ...func(*model.MemoryShape)) func(*model.MemoryShape) {
		return func(m *model.MemoryShape) {
			for _, change := range changes {
				change(m)
			}
		}
	}
	used := func(bytes uint64) func(*model.Process) { return func(p *model.Process) { p.RSSBytes = bytes } }
	alike := func(p *model.Process) { p.Inspection.EqualThreads = 2 }
	opt := at(model.OriginLocal, "/opt/app/worker")
	python := at(model.OriginSystem, "/usr/bin/python3.11")
	for _, test := range []struct {
		name    string
		process func(*model.Process)
		want    strength
		mention string
	}{
		{"xmrig", all(opt, shape(plain)), strong, "dataset and the cache of RandomX, 2 scratchpads: 2396160 KiB"},
		{"half of the dataset is filled", all(opt, shape(plain), used(1_300<<20)), strong, ""},
		{"in huge pages", all(opt, shape(plain), used(9<<20), func(p *model.Process) { p.Inspection.HugePagesKiB = 2_396_160 }), strong, ""},
		{"shared, with code", all(opt, shape(shared)), strong, ""},
		{"dataset without code", all(opt, shape(exact)), strong, ""},
		{"loads a library that compiles", all(opt, shape(pcre)), strong, ""},
		{"in temp, loads a JVM's library", all(inTemp("/tmp/x"), shape(jvm)), strong, ""},
		{"an interpreter with code", all(python, shape(plain)), strong, ""},
		{"light", all(opt, shape(light)), strong, "cache of RandomX, 2 scratchpads: 266252 KiB"},
		{"padded", all(opt, shape(large), alike), weak, "2 threads that all work alike"},
		{"benign: a JVM's heap", all(opt, shape(jvm)), weak, "libjvm.so runs in it"},
		{"benign: a JVM's heap that is not used", all(opt, shape(jvm), used(200<<20)), weak, "a reserve"},
		{"benign: a reserve", all(opt, shape(plain), used(9<<20)), weak, "a reserve"},
		{"benign: buffers of a database", all(opt, shape(and(shared, exact))), weak, "a database"},
		{"benign: an array of an interpreter", all(python, shape(exact)), weak, "a large array"},
		{"benign: a heap that grows", all(opt, shape(noCode)), weak, "while they grow"},
		{"benign: light, and a compiler of expressions", all(opt, shape(and(light, pcre))), weak, "libpcre2-8.so.0 is part of it"},
		{"benign: light, of a JVM", all(opt, shape(and(light, jvm))), weak, ""},
		{"benign: much memory of a JVM", all(opt, shape(and(large, jvm)), alike), absent, ""},
		{"benign: much memory and unequal threads", all(opt, shape(large)), absent, ""},
		{"benign: much address space", all(opt, shape(large), alike, used(9<<20)), absent, ""},
	} {
		p := process(10, test.process)
		evidence, got := randomXMemory(subject{process: p})
		if got != test.want || !strings.Contains(evidence, test.mention) {
			t.Errorf("%s: %d %q, want %d and %q", test.name, got, evidence, test.want, test.mention)
		}
	}
}
