package inspect

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
)

const maxMapsBytes = 16 << 20 // of one memory map: 100,000 mappings

// mapping is a line of a memory map (proc_pid_maps(5)).
type mapping struct {
	start, end uint64
	executable bool
	shared     bool
	reserved   bool // nothing may be done with it (PROT_NONE): it holds no memory that anybody uses
	name       []byte
}

func (m *mapping) size() uint64 { return m.end - m.start }

// forEachMapping reads a memory map as far as it is read at all. The name is good until see returns.
func forEachMapping(maps io.Reader, see func(*mapping)) error {
	lines := bufio.NewScanner(io.LimitReader(maps, maxMapsBytes))
	lines.Buffer(make([]byte, 0, 8<<10), 1<<20)
	for lines.Scan() {
		if m, ok := parseMapping(lines.Bytes()); ok {
			see(&m)
		}
	}
	return lines.Err()
}

// parseMapping reads `START-END FLAGS OFFSET DEVICE INODE NAME`.
func parseMapping(line []byte) (m mapping, ok bool) {
	fields := bytes.SplitN(line, []byte{' '}, 6)
	if len(fields) < 5 || len(fields[1]) < 4 {
		return mapping{}, false
	}
	from, to, found := bytes.Cut(fields[0], []byte{'-'})
	start, errStart := strconv.ParseUint(string(from), 16, 64)
	end, errEnd := strconv.ParseUint(string(to), 16, 64)
	if !found || errStart != nil || errEnd != nil || end < start {
		return mapping{}, false
	}
	flags := fields[1]
	m = mapping{start: start, end: end, executable: flags[2] == 'x', shared: flags[3] == 's', reserved: string(flags[:3]) == "---"}
	if len(fields) == 6 {
		m.name = bytes.TrimLeft(fields[5], " ") // as it is: a name may end in blanks
	}
	return m, true
}

// memoryKind is whose memory a mapping is.
type memoryKind int

const (
	ofFile     memoryKind = iota // a file that has a name, or what the kernel itself maps
	ofNobody                     // anonymous memory, whatever made it
	ofDeleted                    // a file without a name, or one that lies in memory: no program or library that is installed
	ofHugePage                   // of 2 MiB or 1 GiB, which the kernel never merges
)

// kind tells memory by the names that the kernel gives it: /dev/zero (deleted) and
// /SYSV... (mm/shmem.c, ipc/shm.c), /memfd:NAME (deleted) (mm/memfd.c), /anon_hugepage
// (deleted) (fs/hugetlbfs/inode.c), [anon:NAME] and [anon_shmem:NAME] (fs/proc/task_mmu.c).
func (m *mapping) kind() memoryKind {
	name := m.name
	begins := func(prefix string) bool { return bytes.HasPrefix(name, []byte(prefix)) }
	switch {
	case len(name) == 0, begins("[anon"), string(name) == "[heap]", string(name) == "/dev/zero (deleted)", begins("/memfd:"), begins("/SYSV"):
		return ofNobody
	case begins("/anon_hugepage"):
		return ofHugePage
	case begins("/dev/shm/"), bytes.HasSuffix(name, []byte(" (deleted)")):
		return ofDeleted
	default:
		return ofFile
	}
}
