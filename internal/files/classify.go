package files

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"unicode"
)

const (
	headBytes = 4096 // the most that is read of a file to classify it
	shortest  = 3    // no shorter file can be run: "#!" and a name
)

// kind is what a file's first bytes say.
type kind uint8

const (
	kindOther   kind = iota
	kindProgram      // ELF that is made to be started: ET_EXEC, or ET_DYN with an interpreter
	kindDynamic      // other ELF of type ET_DYN: a shared library or a static PIE
	kindScript       // begins with #!
)

// classify looks at the first bytes of a file (elf(5), execve(2)). Linux does
// not look at the class and the byte order that an ELF file claims to have
// (fs/binfmt_elf.c), so a file cannot hide behind false ones: what makes sense
// in either order counts.
func classify(head []byte) kind {
	if bytes.HasPrefix(head, []byte("#!")) {
		return kindScript
	}
	if len(head) < 18 || !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		return kindOther
	}
	for _, order := range byteOrders() {
		switch elf.Type(order.Uint16(head[16:])) {
		case elf.ET_EXEC:
			return kindProgram
		case elf.ET_DYN:
			if hasInterpreter(head, order) {
				return kindProgram
			}
			return kindDynamic
		}
	}
	return kindOther
}

func byteOrders() []binary.ByteOrder {
	return []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}
}

// hasInterpreter looks for a program header of type PT_INTERP. Shared libraries
// have none. Program headers that lie behind the head are not seen.
func hasInterpreter(head []byte, order binary.ByteOrder) bool {
	var offset uint64
	var size, count uint16
	switch {
	case len(head) >= 64 && order.Uint16(head[54:]) == 56: // 64 bits
		offset, size, count = order.Uint64(head[32:]), 56, order.Uint16(head[56:])
	case len(head) >= 52 && order.Uint16(head[42:]) == 32: // 32 bits
		offset, size, count = uint64(order.Uint32(head[28:])), 32, order.Uint16(head[44:])
	}
	for ; count > 0 && offset < uint64(len(head)-4); count-- {
		if elf.ProgType(order.Uint32(head[offset:])) == elf.PT_INTERP {
			return true
		}
		offset += uint64(size)
	}
	return false
}

// isProgram tells ELF programs from shared libraries. What is made to be
// started counts whatever its name and mode are: a dropper sets the run bit
// last. The rest of the dynamic kind counts if somebody may run it and it is
// not called *.so or *.so.N: a JVM or an interpreter leaves such libraries in
// /tmp. A static PIE of such a name is missed until it runs.
func (k kind) isProgram(name string, mode uint32) bool {
	switch k {
	case kindProgram:
		return true
	case kindDynamic:
		return mode&0o111 != 0 && !strings.HasSuffix(name, ".so") && !strings.Contains(name, ".so.")
	default:
		return false
	}
}

// isHidden tells whether a name begins with a dot or holds nothing but dots and
// characters that cannot be seen. The places of sockets, such as .X11-unix, are
// no exception: nothing that can be run belongs there.
func isHidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.TrimFunc(name, func(r rune) bool {
		return r == '.' || unicode.IsSpace(r) || !unicode.IsGraphic(r)
	}) == ""
}
