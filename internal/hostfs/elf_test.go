package hostfs

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/iotest"
)

// elfFile is a file that a test describes field by field.
type elfFile struct {
	order        binary.ByteOrder // nil for little-endian
	narrow       bool             // 32 bits
	kind         elf.Type
	programs     []elf.ProgType
	programCount int // what the header says; 0 for the truth
	programAt    uint64
	sections     []elf.SectionType
	sectionCount int // -1 for 0
	sectionSize  int // e_shentsize
	sectionAt    uint64
	first        uint64 // sh_size of section 0
}

// bytes writes the file: its header, program headers at 64, section headers at 1,024.
func (f elfFile) bytes() []byte {
	if f.order == nil {
		f.order = binary.LittleEndian
	}
	layout := elfLayouts()[0]
	if f.narrow {
		layout = elfLayouts()[1]
	}
	address := func(at []byte, value uint64) {
		if layout.wide {
			f.order.PutUint64(at, value)
		} else {
			f.order.PutUint32(at, uint32(value))
		}
	}
	truth := func(claim, truth int) uint16 {
		switch claim {
		case 0:
			return uint16(truth)
		case -1:
			return 0
		}
		return uint16(claim)
	}
	content := make([]byte, 1024+len(f.sections)*int(layout.sectionBytes))
	copy(content, elf.ELFMAG)
	f.order.PutUint16(content[16:], uint16(f.kind))
	address(content[layout.programs:], max(64, f.programAt))
	f.order.PutUint16(content[layout.programSize:], layout.programBytes)
	f.order.PutUint16(content[layout.programSize+2:], truth(f.programCount, len(f.programs)))
	address(content[layout.sections:], max(1024, f.sectionAt))
	f.order.PutUint16(content[layout.sectionSize:], truth(f.sectionSize, int(layout.sectionBytes)))
	f.order.PutUint16(content[layout.sectionSize+2:], truth(f.sectionCount, len(f.sections)))
	for i, kind := range f.programs {
		f.order.PutUint32(content[64+i*int(layout.programBytes):], uint32(kind))
	}
	for i, kind := range f.sections {
		f.order.PutUint32(content[1024+i*int(layout.sectionBytes)+4:], uint32(kind))
	}
	if len(f.sections) > 0 {
		address(content[1024+layout.contentSize:], f.first)
	}
	return content
}

func TestELF(t *testing.T) {
	t.Parallel()
	linked := []elf.ProgType{elf.PT_PHDR, elf.PT_INTERP, elf.PT_LOAD}
	static := []elf.ProgType{elf.PT_LOAD, elf.PT_NOTE}
	symbols := []elf.SectionType{elf.SHT_NULL, elf.SHT_PROGBITS, elf.SHT_SYMTAB, elf.SHT_STRTAB}
	stripped := []elf.SectionType{elf.SHT_NULL, elf.SHT_PROGBITS, elf.SHT_STRTAB}
	for name, test := range map[string]struct {
		file                 elfFile
		interpreter, symbols bool
	}{
		"linked, with symbols":         {elfFile{kind: elf.ET_DYN, programs: linked, sections: symbols}, true, true},
		"static, stripped":             {elfFile{kind: elf.ET_EXEC, programs: static, sections: stripped}, false, false},
		"32 bits":                      {elfFile{narrow: true, kind: elf.ET_EXEC, programs: linked, sections: symbols}, true, true},
		"big-endian":                   {elfFile{order: binary.BigEndian, kind: elf.ET_EXEC, programs: linked, sections: symbols}, true, true},
		"32 bits, big-endian":          {elfFile{order: binary.BigEndian, narrow: true, kind: elf.ET_DYN, programs: static, sections: symbols}, false, true},
		"no section headers":           {elfFile{kind: elf.ET_EXEC, programs: static}, false, false},
		"count in section 0":           {elfFile{kind: elf.ET_EXEC, programs: static, sections: symbols, sectionCount: -1, first: 4}, false, true},
		"a lying count in section 0":   {elfFile{kind: elf.ET_EXEC, programs: static, sections: stripped, sectionCount: -1, first: 60_000_000}, false, false},
		"the largest count":            {elfFile{kind: elf.ET_EXEC, programs: static, sections: stripped, sectionCount: -1, first: math.MaxUint64}, false, false},
		"no count in section 0":        {elfFile{kind: elf.ET_EXEC, programs: static, sections: symbols, sectionCount: -1}, false, false},
		"a false size of an entry":     {elfFile{kind: elf.ET_EXEC, programs: static, sections: symbols, sectionSize: 65535}, false, false},
		"sections behind the end":      {elfFile{kind: elf.ET_EXEC, programs: static, sections: symbols, sectionAt: 1 << 40}, false, false},
		"sections at a negative one":   {elfFile{kind: elf.ET_EXEC, programs: static, sections: symbols, sectionAt: 1 << 63}, false, false},
		"sections on the last bytes":   {elfFile{kind: elf.ET_EXEC, programs: static, sections: symbols, sectionAt: math.MaxInt64 - 1}, false, false},
		"more sections than there are": {elfFile{kind: elf.ET_EXEC, programs: static, sections: symbols, sectionCount: 65535}, false, true},
		"programs behind the end":      {elfFile{kind: elf.ET_EXEC, programs: linked, programAt: 1 << 40, sections: symbols}, false, true},
		"programs at a negative one":   {elfFile{kind: elf.ET_EXEC, programs: linked, programAt: math.MaxUint64}, false, false},
		"more programs than there are": {elfFile{kind: elf.ET_EXEC, programs: linked, programCount: 65535}, true, false},
		"programs upon sections":       {elfFile{kind: elf.ET_EXEC, programs: linked, programAt: 1024, sections: symbols}, false, true},
	} {
		content := test.file.bytes()
		parsed, ok := ParseELF(content)
		if !ok || parsed.Type != test.file.kind {
			t.Errorf("%s: %v, %v", name, parsed.Type, ok)
			continue
		}
		file := bytes.NewReader(content)
		if got, err := parsed.HasInterpreter(file); got != test.interpreter || err != nil {
			t.Errorf("%s: interpreter %v, %v", name, got, err)
		}
		if got, err := parsed.HasSymbols(file); got != test.symbols || err != nil {
			t.Errorf("%s: symbols %v, %v", name, got, err)
		}
	}
	for _, other := range []string{"", "#!/bin/sh", elf.ELFMAG, string(elfFile{kind: elf.ET_REL}.bytes()), string(elfFile{kind: elf.ET_CORE}.bytes())} {
		if got, ok := ParseELF([]byte(other)); ok {
			t.Errorf("%.20q is a program: %+v", other, got)
		}
	}
}

// TestELFOfLinkers compares with debug/elf what linkers really write.
func TestELFOfLinkers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"/proc/self/exe", "/bin/sh"} {
		file, err := OpenLocal(name)
		if err != nil {
			t.Skip("no such program here: ", err)
		}
		defer file.Close()
		want, err := elf.NewFile(file)
		if err != nil {
			t.Fatal(err)
		}
		interpreted := false
		for _, program := range want.Progs {
			interpreted = interpreted || program.Type == elf.PT_INTERP
		}
		head := make([]byte, 4096)
		if _, err := file.ReadAt(head, 0); err != nil {
			t.Fatal(err)
		}
		got, ok := ParseELF(head)
		if !ok || got.Type != want.Type {
			t.Errorf("%s is %v, want %v", name, got.Type, want.Type)
		}
		if has, err := got.HasInterpreter(file); has != interpreted || err != nil {
			t.Errorf("%s: interpreter %v, %v", name, has, err)
		}
		if has, err := got.HasSymbols(file); has != (want.SectionByType(elf.SHT_SYMTAB) != nil) || err != nil {
			t.Errorf("%s: symbols %v, %v", name, has, err)
		}
	}
}

func TestELFThatCannotBeRead(t *testing.T) {
	t.Parallel()
	content := elfFile{kind: elf.ET_DYN, programs: []elf.ProgType{elf.PT_LOAD}, sections: []elf.SectionType{0}, sectionCount: -1}.bytes()
	parsed, _ := ParseELF(content)
	broken := readerAt{iotest.ErrReader(io.ErrClosedPipe)}
	if _, err := parsed.HasInterpreter(broken); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
	if _, err := parsed.HasSymbols(broken); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(p []byte, _ int64) (int, error) { return r.Read(p) }

// TestSparseELF holds that a file with a hole of gigabytes costs no memory.
func TestSparseELF(t *testing.T) { // not parallel: it measures memory
	const sections = 60_000_000
	name := filepath.Join(t.TempDir(), "sparse")
	content := elfFile{
		kind: elf.ET_EXEC, programs: []elf.ProgType{elf.PT_LOAD}, sections: []elf.SectionType{elf.SHT_NULL}, sectionCount: -1, first: sections,
	}.bytes()
	if err := os.WriteFile(name, content, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, sections*64+1024); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	file, err := OpenLocal(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parsed, ok := ParseELF(content)
	symbols, err := parsed.HasSymbols(file)
	runtime.ReadMemStats(&after)
	if !ok || symbols || err != nil {
		t.Errorf("%v, symbols %v, %v", ok, symbols, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d bytes of memory, want less than 1 MiB", took)
	}
}

// bounded is a file that says how much of it was asked for.
type bounded struct {
	*bytes.Reader
	asked int
}

func (b *bounded) ReadAt(p []byte, at int64) (int, error) {
	b.asked += len(p)
	return b.Reader.ReadAt(p, at)
}

func FuzzELF(f *testing.F) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, narrow := range []bool{false, true} {
			f.Add(elfFile{
				order: order, narrow: narrow, kind: elf.ET_DYN, sectionCount: -1, first: 1 << 31,
				programs: []elf.ProgType{elf.PT_LOAD, elf.PT_INTERP}, sections: []elf.SectionType{elf.SHT_NULL, elf.SHT_SYMTAB},
			}.bytes())
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		parsed, ok := ParseELF(content[:min(len(content), 4096)])
		file := &bounded{Reader: bytes.NewReader(content)}
		interpreter, err := parsed.HasInterpreter(file)
		symbols, symbolsErr := parsed.HasSymbols(file)
		if err != nil || symbolsErr != nil {
			t.Errorf("%v, %v", err, symbolsErr)
		}
		if !ok && (interpreter || symbols) {
			t.Error("what is no program has something")
		}
		if most := 2 * (2*tableLimit + 64); file.asked > most {
			t.Errorf("%d bytes were asked for, want at most %d", file.asked, most)
		}
	})
}
