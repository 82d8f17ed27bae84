package inspect

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	codeBuffer      = 256 << 10
	codePart        = 4 << 20 // what is read and remembered at once
	codeMappings    = 4096    // of one process
	pageEntry       = 8       // bytes of /proc/PID/pagemap for a page
	pagePresent     = 1 << 63 // in memory (Documentation/admin-guide/mm/pagemap.rst)
	pageOfFile      = 1 << 61 // of a file, or shared: not a copy that the process has changed
	lastUserAddress = 1 << 63 // above it is vsyscall, which is the kernel's
)

// codeMapping is an executable mapping of a process, or a part of one.
type codeMapping struct {
	start, end, offset uint64
	device, inode      uint64
	name               string

	key     *hostfs.ContentKey // of the mapped file; nil if its content is not known to stay the same
	covered bool               // its content is known by its hash
}

// isFile tells mapped files from memory. Shared memory and memfd_create(2) have inodes and
// names too, and so has a file that was deleted, which may be another by now.
func (m *codeMapping) isFile() bool {
	return m.inode != 0 && strings.HasPrefix(m.name, "/") && !strings.HasSuffix(m.name, " (deleted)")
}

// what says for people what kind of memory it is.
func (m *codeMapping) what() string {
	if m.name == "" {
		return "anonymous memory"
	}
	return m.name
}

// executableMappings reads a memory map (proc_pid_maps(5)).
func executableMappings(name string) ([]codeMapping, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseExecutable(file)
}

func parseExecutable(maps io.Reader) ([]codeMapping, error) {
	var all []codeMapping
	lines := bufio.NewScanner(io.LimitReader(maps, maxMapsBytes))
	lines.Buffer(make([]byte, 0, 8<<10), 1<<20)
	for lines.Scan() && len(all) < codeMappings {
		if m, ok := parseExecutableLine(lines.Bytes()); ok {
			all = append(all, m)
		}
	}
	return all, lines.Err()
}

// parseExecutableLine reads `START-END FLAGS OFFSET MAJOR:MINOR INODE NAME`, if the memory is
// executable and the process' own.
func parseExecutableLine(line []byte) (m codeMapping, ok bool) {
	fields := bytes.SplitN(line, []byte{' '}, 6)
	if len(fields) < 5 || len(fields[1]) < 3 || fields[1][2] != 'x' {
		return m, false
	}
	from, to, _ := bytes.Cut(fields[0], []byte{'-'})
	major, minor, _ := bytes.Cut(fields[3], []byte{':'})
	numbers := make([]uint64, 0, 5)
	for _, field := range [][]byte{from, to, fields[2], major, minor} {
		number, err := strconv.ParseUint(string(field), 16, 64)
		if err != nil {
			return m, false
		}
		numbers = append(numbers, number)
	}
	inode, err := strconv.ParseUint(string(fields[4]), 10, 64)
	if err != nil {
		return m, false
	}
	m = codeMapping{
		start: numbers[0], end: numbers[1], offset: numbers[2],
		device: unix.Mkdev(uint32(numbers[3]), uint32(numbers[4])), inode: inode,
	}
	if len(fields) == 6 {
		m.name = string(bytes.TrimLeft(fields[5], " "))
	}
	return m, m.start < m.end && m.end <= lastUserAddress && m.name != "[vdso]"
}

// partsOf cuts mappings, in the order of a memory map, into parts that are read at once,
// beginning at an address and for so many bytes of address space. A pattern across the
// border of two parts is missed; there are seven, and five do.
func partsOf(maps []codeMapping, from, most uint64) iter.Seq[codeMapping] {
	return func(yield func(codeMapping) bool) {
		for _, m := range maps {
			start := m.start
			if from > start {
				start += (from - start + codePart - 1) / codePart * codePart
			}
			for ; start < m.end; start += codePart {
				if most < codePart {
					return
				}
				most -= codePart
				part := m
				part.offset += start - m.start
				part.start, part.end = start, min(start+codePart, m.end)
				if !yield(part) {
					return
				}
			}
		}
	}
}

// codeReader reads the memory of one process.
type codeReader struct {
	memory  io.ReaderAt
	pages   *os.File // nil if /proc/PID/pagemap cannot be opened
	matcher *fingerprint.Matcher
	buffer  []byte
	left    int // bytes
	stop    func() bool
	cut     bool  // a part was not read to its end
	worked  int   // reads that did
	failed  error // the last that did not
}

// read scans one part. Of a file with a key, all of it is scanned once; what the process has
// changed of it, and all other memory as far as it is there, each time.
func (r *codeReader) read(part codeMapping, clean *cleanParts) fingerprint.Found {
	pages, known := r.pagesOf(part)
	if part.key == nil {
		return r.scan(part, func(page int) bool { return !known || pages[page]&pagePresent != 0 })
	}
	changed := func(page int) bool { return known && pages[page]&pagePresent != 0 && pages[page]&pageOfFile == 0 }
	key := partKey{*part.key, part.device, part.offset, part.end - part.start}
	if part.covered || clean.has(key) {
		return r.scan(part, changed)
	}
	untouched, failed := known, r.failed
	for page := range pages {
		untouched = untouched && !changed(page)
	}
	r.failed = nil
	found := r.scan(part, func(int) bool { return true })
	if untouched && found == (fingerprint.Found{}) && r.failed == nil && !r.cut {
		clean.add(key)
	}
	if r.failed == nil {
		r.failed = failed
	}
	return found
}

// pagesOf reads what the kernel says of each page.
func (r *codeReader) pagesOf(part codeMapping) (entries []uint64, known bool) {
	if r.pages == nil {
		return nil, false
	}
	size := uint64(os.Getpagesize())
	content := make([]byte, (part.end-part.start)/size*pageEntry)
	if _, err := r.pages.ReadAt(content, int64(part.start/size*pageEntry)); err != nil {
		return nil, false
	}
	for ; len(content) > 0; content = content[pageEntry:] {
		entries = append(entries, binary.NativeEndian.Uint64(content))
	}
	return entries, true
}

// scan looks through the wanted pages of a part, those side by side at once.
func (r *codeReader) scan(part codeMapping, wanted func(page int) bool) fingerprint.Found {
	scan := r.matcher.NewScan()
	size := uint64(os.Getpagesize())
	pages := int((part.end - part.start) / size)
	for page := 0; page < pages; {
		if !wanted(page) {
			scan.Cut()
			page++
			continue
		}
		if r.stop() {
			r.cut = true
			break
		}
		first := page
		for page < pages && (page-first)*int(size) < len(r.buffer) && wanted(page) {
			page++
		}
		chunk := r.buffer[:(page-first)*int(size)]
		n, err := r.memory.ReadAt(chunk, int64(part.start+uint64(first)*size))
		r.left -= len(chunk)
		if n > 0 {
			r.worked++
			_, _ = scan.Write(chunk[:n]) // never fails
		}
		if err != nil { // unmapped meanwhile, or a file that is shorter than its mapping
			r.failed = err
			scan.Cut()
		}
	}
	return scan.Found()
}
