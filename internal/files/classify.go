package files

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
)

// headBytes is what is read of a file to classify it.
const headBytes = 64

// kind is what a file's first bytes say.
type kind uint8

const (
	kindOther      kind = iota
	kindExecutable      // ELF, ET_EXEC
	kindDynamic         // ELF, ET_DYN: a program or a shared library
	kindScript          // begins with #!
)

// classify looks at the first bytes of a file (elf(5), execve(2)).
func classify(head []byte) kind {
	if bytes.HasPrefix(head, []byte("#!")) {
		return kindScript
	}
	if len(head) < 18 || !bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		return kindOther
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	switch elf.Type(order.Uint16(head[16:18])) {
	case elf.ET_EXEC:
		return kindExecutable
	case elf.ET_DYN:
		return kindDynamic
	default:
		return kindOther
	}
}

// isProgram tells a program from a library: what is called *.so or *.so.N and
// is of the dynamic kind is one that something else loads.
func (k kind) isProgram(name string, mode uint32) bool {
	switch k {
	case kindExecutable:
		return true
	case kindDynamic:
		return mode&0o111 != 0 && !strings.HasSuffix(name, ".so") && !strings.Contains(name, ".so.")
	default:
		return false
	}
}
