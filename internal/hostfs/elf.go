package hostfs

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// tableLimit is how much is read of a table of headers, in bytes. Linux starts
// nothing that has more program headers (load_elf_phdrs of fs/binfmt_elf.c); the
// programs of compilers have less than 100 section headers of 64 bytes.
const tableLimit = 64 << 10

// ELF is what the first bytes of a program or of a shared library say (elf(5)).
// Whoever wrote the file chose every number in it, so debug/elf must not parse it:
// it reads as many gigabytes as a file with a hole claims to have section headers.
type ELF struct {
	Type    elf.Type // ET_EXEC or ET_DYN
	order   binary.ByteOrder
	head    []byte
	layouts []elfLayout // those that its program headers fit
}

// elfLayout is a class: where it has the fields of the header and of a section
// header, in bytes, and how large its headers are.
type elfLayout struct {
	header      int // how large the header of the file is
	wide        bool
	programs    int // e_phoff
	programSize int // e_phentsize, and e_phnum behind it
	sections    int // e_shoff
	sectionSize int // e_shentsize, and e_shnum behind it
	contentSize int // sh_size of a section header

	programBytes, sectionBytes uint16
}

// elfLayouts are the classes of 64 and of 32 bits.
func elfLayouts() []elfLayout {
	return []elfLayout{
		{
			header: 64, wide: true, programs: 32, programSize: 54, sections: 40, sectionSize: 58, contentSize: 32,
			programBytes: 56, sectionBytes: 64,
		},
		{
			header: 52, programs: 28, programSize: 42, sections: 32, sectionSize: 46, contentSize: 20,
			programBytes: 32, sectionBytes: 40,
		},
	}
}

// ParseELF takes the first bytes of a file, of which it needs 64. Linux does not
// look at the class and the byte order that an ELF file claims to have
// (fs/binfmt_elf.c), so a file cannot hide behind false ones: what makes sense in
// either counts. What is neither a program nor a shared library is not ok.
func ParseELF(head []byte) (e ELF, ok bool) {
	if len(head) < 18 || !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		return ELF{}, false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		kind := elf.Type(order.Uint16(head[16:]))
		if kind != elf.ET_EXEC && kind != elf.ET_DYN {
			continue
		}
		e = ELF{Type: kind, order: order, head: head}
		for _, layout := range elfLayouts() {
			if len(head) >= layout.header && order.Uint16(head[layout.programSize:]) == layout.programBytes {
				e.layouts = append(e.layouts, layout)
			}
		}
		return e, true
	}
	return ELF{}, false
}

// HasInterpreter looks for a program header of type PT_INTERP: a program that is
// linked at run time has one, shared libraries have none. Headers that lie behind
// the end of the file, or are more than Linux takes, are not there.
func (e ELF) HasInterpreter(file io.ReaderAt) (bool, error) {
	for _, layout := range e.layouts {
		count := uint64(e.order.Uint16(e.head[layout.programSize+2:]))
		offset := e.number(e.head[layout.programs:], layout)
		table, err := readTable(file, offset, count, uint64(layout.programBytes))
		if err != nil {
			return false, err
		}
		for ; len(table) >= 4; table = table[min(len(table), int(layout.programBytes)):] {
			if elf.ProgType(e.order.Uint32(table)) == elf.PT_INTERP {
				return true, nil
			}
		}
	}
	return false, nil
}

// HasSymbols looks for a symbol table (SHT_SYMTAB) among the first 64 KiB of
// section headers. Nothing of what they point to is read.
func (e ELF) HasSymbols(file io.ReaderAt) (bool, error) {
	for _, layout := range e.layouts {
		offset := e.number(e.head[layout.sections:], layout)
		if offset == 0 || e.order.Uint16(e.head[layout.sectionSize:]) != layout.sectionBytes {
			continue
		}
		size := uint64(layout.sectionBytes)
		count := uint64(e.order.Uint16(e.head[layout.sectionSize+2:]))
		if count == 0 { // too many for this field: the first header has the number (elf(5), e_shnum)
			first, err := readTable(file, offset, 1, size)
			if err != nil {
				return false, err
			}
			if len(first) == int(size) {
				count = e.number(first[layout.contentSize:], layout)
			}
		}
		table, err := readTable(file, offset, count, size)
		if err != nil {
			return false, err
		}
		for ; len(table) >= 8; table = table[min(len(table), int(size)):] {
			if elf.SectionType(e.order.Uint32(table[4:])) == elf.SHT_SYMTAB {
				return true, nil
			}
		}
	}
	return false, nil
}

// number reads an address or offset of a class.
func (e ELF) number(field []byte, layout elfLayout) uint64 {
	if layout.wide {
		return e.order.Uint64(field)
	}
	return uint64(e.order.Uint32(field))
}

// readTable reads count headers of size bytes, at most tableLimit bytes in all,
// and as much of them as lies in the file.
func readTable(file io.ReaderAt, offset, count, size uint64) ([]byte, error) {
	count = min(count, tableLimit/size)
	if count == 0 || offset > math.MaxInt64-tableLimit {
		return nil, nil
	}
	table := make([]byte, count*size)
	n, err := file.ReadAt(table, int64(offset))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return table[:n], err
}
