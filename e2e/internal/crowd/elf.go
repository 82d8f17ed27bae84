// Package crowd fills a host with processes that cost next to nothing: programs of less
// than 200 bytes that sleep or end. It holds them to the limits of the host, and takes
// them away again.
package crowd

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"runtime"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// loadAddress is where a linker puts programs that cannot be moved.
const loadAddress = 0x400000

// code is what the two programs of an architecture are made of.
type code struct {
	machine      elf.Machine
	sleeps, ends []byte
}

func codeFor(architecture string) (code, error) {
	switch architecture {
	case "amd64":
		return code{
			machine: elf.EM_X86_64,
			sleeps: []byte{
				0xb8, 34, 0, 0, 0, // mov eax, 34: pause(2)
				0x0f, 0x05, // syscall
				0xeb, 0xf7, // jmp to the start: a signal has ended the pause
			},
			ends: []byte{
				0xb8, 60, 0, 0, 0, // mov eax, 60: exit(2)
				0x31, 0xff, // xor edi, edi
				0x0f, 0x05, // syscall
			},
		}, nil
	case "arm64":
		return code{
			machine: elf.EM_AARCH64,
			sleeps: words(
				0xd2800928,                                     // mov x8, 73: ppoll(2), there is no pause
				0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003, // of nothing, without a limit
				0xd4000001, // svc 0
				0x17fffffa, // b to the start
			),
			ends: words(
				0xd2800ba8, // mov x8, 93: exit(2)
				0xd2800000, // mov x0, 0
				0xd4000001, // svc 0
			),
		}, nil
	}
	return code{}, fmt.Errorf("no program for a crowd is known for %s: run the bench on amd64 or arm64", architecture)
}

func words(all ...uint32) []byte {
	var bytes []byte
	for _, word := range all {
		bytes = binary.LittleEndian.AppendUint32(bytes, word)
	}
	return bytes
}

// executable is a static program of one page: its headers, and code at its entry.
func executable(machine elf.Machine, code []byte) []byte {
	const headers = 64 + 56 // sizes of Header64 and Prog64, elf(5)
	size := uint64(headers + len(code))
	header := elf.Header64{
		Ident:   [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:    uint16(elf.ET_EXEC),
		Machine: uint16(machine),
		Version: uint32(elf.EV_CURRENT),
		Entry:   loadAddress + headers,
		Phoff:   64,
		Ehsize:  64, Phentsize: 56, Phnum: 1,
	}
	segment := elf.Prog64{
		Type:  uint32(elf.PT_LOAD),
		Flags: uint32(elf.PF_R | elf.PF_X),
		Vaddr: loadAddress, Paddr: loadAddress,
		Filesz: size, Memsz: size,
		Align: 1 << 16, // the largest page of arm64
	}
	var file bytes.Buffer
	for _, part := range []any{header, segment, code} {
		_ = binary.Write(&file, binary.LittleEndian, part) // a buffer takes everything
	}
	return file.Bytes()
}

// WriteSleeper writes a program that sleeps until it is killed to a path that must not
// exist. The mark goes behind its end, so that programs differ in content.
func WriteSleeper(path, mark string) error {
	code, err := codeFor(runtime.GOARCH)
	if err != nil {
		return err
	}
	return programs.WriteNew(path, append(executable(code.machine, code.sleeps), mark...), 0o755)
}

// WriteShort writes a program that ends at once to a path that must not exist.
func WriteShort(path string) error {
	code, err := codeFor(runtime.GOARCH)
	if err != nil {
		return err
	}
	return programs.WriteNew(path, executable(code.machine, code.ends), 0o755)
}
