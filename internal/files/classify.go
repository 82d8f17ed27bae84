package files

import (
	"bytes"
	"debug/elf"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
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

// classify looks at the first bytes of a file (elf(5), execve(2)). Program headers
// that lie behind them are not seen.
func classify(head []byte) kind {
	if bytes.HasPrefix(head, []byte("#!")) {
		return kindScript
	}
	program, ok := hostfs.ParseELF(head)
	if !ok {
		return kindOther
	}
	if program.Type == elf.ET_EXEC {
		return kindProgram
	}
	if interpreted, err := program.HasInterpreter(bytes.NewReader(head)); err == nil && interpreted {
		return kindProgram
	}
	return kindDynamic
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
