package rpmdb

import (
	"bytes"
	"encoding/binary"
	"io"
)

// SQLite, as https://www.sqlite.org/fileformat2.html has it.
const (
	sqliteInterior  = 5 // of the b-tree of a table
	sqliteLeaf      = 13
	sqliteDepthMost = 32
	walHead         = 32
	walFrameHead    = 24
)

// sqlite is a database: pages in a file, of which newer ones may still lie in the
// write-ahead log.
type sqlite struct {
	file, log io.ReaderAt
	pageSize  int
	usable    int              // of a page, in bytes
	newer     map[uint32]int64 // page -> where it is in the log
	visited   int              // pages of trees
}

// SQLite calls do with the header of each package in a rpmdb.sqlite that has a file with one
// of the base names, or of all packages if the table of base names is missing. log is the
// write-ahead log, nil for none, of a known size.
func SQLite(file, log io.ReaderAt, logSize int64, base func([]byte) bool, do func(blob []byte) error) error {
	s := &sqlite{file: file, log: log}
	if err := s.open(logSize); err != nil {
		return err
	}
	roots := map[string]uint32{}
	err := s.walk(1, nil, func(_ int64, row []byte) error {
		if columns := columnsOf(row, 4); len(columns) == 4 && string(columns[0].content) == "table" {
			roots[string(columns[1].content)] = uint32(columns[3].number())
		}
		return nil
	})
	if err != nil {
		return err
	}
	if roots["Packages"] == 0 {
		return malformed("the table of packages")
	}
	var having func(int64) bool
	if root := roots["Basenames"]; root != 0 {
		packages := map[int64]bool{}
		err := s.walk(root, nil, func(_ int64, row []byte) error {
			if columns := columnsOf(row, 2); len(columns) == 2 && base(columns[0].content) {
				packages[columns[1].number()] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
		having = func(number int64) bool { return packages[number] }
	}
	return s.walk(roots["Packages"], having, func(_ int64, row []byte) error {
		columns := columnsOf(row, 2)
		if len(columns) != 2 {
			return malformed("a row")
		}
		return do(columns[1].content)
	})
}

// open reads the head of the file, and finds out what is newer in the log.
func (s *sqlite) open(logSize int64) error {
	head, err := readAt(s.file, 100, 0)
	if err != nil {
		return err
	}
	s.pageSize = int(binary.BigEndian.Uint16(head[16:]))
	if s.pageSize == 1 {
		s.pageSize = 65536
	}
	s.usable = s.pageSize - int(head[20])
	if !bytes.HasPrefix(head, []byte("SQLite format 3\x00")) || s.pageSize < 512 || s.pageSize&(s.pageSize-1) != 0 || s.usable < 480 {
		return malformed("rpmdb.sqlite")
	}
	s.newer = map[uint32]int64{}
	if s.log == nil || logSize < walHead {
		return nil
	}
	return s.openLog(logSize)
}

// openLog finds the pages of the transactions in the log that have ended. What is left of
// an older use of the log has other salts.
func (s *sqlite) openLog(size int64) error {
	head, err := readAt(s.log, walHead, 0)
	if err != nil {
		return err
	}
	if magic := binary.BigEndian.Uint32(head); magic&^1 != 0x377f0682 || int(binary.BigEndian.Uint32(head[8:])) != s.pageSize {
		return malformed("rpmdb.sqlite-wal")
	}
	open := map[uint32]int64{} // pages of the transaction that has not ended
	step := int64(walFrameHead + s.pageSize)
	for at := int64(walHead); at+step <= size; at += step {
		frame, err := readAt(s.log, walFrameHead, at)
		if err != nil {
			return err
		}
		if !bytes.Equal(frame[8:16], head[16:24]) {
			break
		}
		open[binary.BigEndian.Uint32(frame)] = at + walFrameHead
		if binary.BigEndian.Uint32(frame[4:]) != 0 {
			for page, place := range open {
				s.newer[page] = place
			}
			clear(open)
		}
	}
	return nil
}

func (s *sqlite) page(number uint32) ([]byte, error) {
	if number == 0 {
		return nil, malformed("the number of a page")
	}
	if place, ok := s.newer[number]; ok {
		return readAt(s.log, s.pageSize, place)
	}
	return readAt(s.file, s.pageSize, int64(number-1)*int64(s.pageSize))
}

// walk calls do with each row of a table, in the order of their numbers, but for those
// that are not wanted; wanted is nil for all.
func (s *sqlite) walk(root uint32, wanted func(int64) bool, do func(number int64, row []byte) error) error {
	return s.tree(root, sqliteDepthMost, wanted, do)
}

func (s *sqlite) tree(number uint32, depth int, wanted func(int64) bool, do func(int64, []byte) error) error {
	if s.visited++; s.visited > pagesLimit || depth == 0 {
		return malformed("a tree")
	}
	page, err := s.page(number)
	if err != nil {
		return err
	}
	head := 0
	if number == 1 {
		head = 100
	}
	kind, cells, size := page[head], int(binary.BigEndian.Uint16(page[head+3:])), 8
	if kind == sqliteInterior {
		size = 12
	}
	pointers := head + size
	if kind != sqliteInterior && kind != sqliteLeaf || pointers+2*cells > s.usable {
		return malformed("a page of a tree")
	}
	for at := range cells {
		cell := int(binary.BigEndian.Uint16(page[pointers+2*at:]))
		if cell+4 > s.usable {
			return malformed("a cell")
		}
		if kind == sqliteInterior {
			err = s.tree(binary.BigEndian.Uint32(page[cell:]), depth-1, wanted, do)
		} else {
			err = s.leaf(page[cell:s.usable], wanted, do)
		}
		if err != nil {
			return err
		}
	}
	if kind == sqliteInterior {
		return s.tree(binary.BigEndian.Uint32(page[head+8:]), depth-1, wanted, do)
	}
	return nil
}

// leaf reads one row: its size, its number, and as much of it as fits into the page.
func (s *sqlite) leaf(cell []byte, wanted func(int64) bool, do func(int64, []byte) error) error {
	size, cell := varint(cell)
	number, cell := varint(cell)
	if cell == nil || size < 0 || size > HeaderLimit {
		return malformed("a row")
	}
	if wanted != nil && !wanted(number) {
		return nil
	}
	most, least := s.usable-35, (s.usable-12)*32/255-23
	if size <= int64(most) {
		if size > int64(len(cell)) {
			return malformed("a row")
		}
		return do(number, cell[:size])
	}
	local := least + int((size-int64(least))%int64(s.usable-4))
	if local > most {
		local = least
	}
	if local+4 > len(cell) {
		return malformed("a row")
	}
	row, next := bytes.Clone(cell[:local]), binary.BigEndian.Uint32(cell[local:])
	for int64(len(row)) < size {
		page, err := s.page(next)
		if err != nil {
			return err
		}
		next = binary.BigEndian.Uint32(page)
		row = append(row, page[4:min(int64(s.usable), 4+size-int64(len(row)))]...)
	}
	return do(number, row)
}

// varint reads a number of 1 to 9 bytes; rest is nil if there is none.
func varint(from []byte) (value int64, rest []byte) {
	for i := 0; i < 9 && i < len(from); i++ {
		if i == 8 {
			return value<<8 | int64(from[i]), from[9:]
		}
		value = value<<7 | int64(from[i]&0x7f)
		if from[i] < 0x80 {
			return value, from[i+1:]
		}
	}
	return 0, nil
}

// column is a value of a row.
type column struct {
	kind    int64
	content []byte
}

// columnsOf returns the first most values of a row; fewer if it ends early.
func columnsOf(row []byte, most int) []column {
	size, kinds := varint(row)
	if kinds == nil || size < 0 || size > int64(len(row)) {
		return nil
	}
	content := row[size:]
	kinds = kinds[:max(0, len(kinds)-len(content))]
	var columns []column
	for len(columns) < most && len(kinds) > 0 {
		var kind int64
		if kind, kinds = varint(kinds); kinds == nil {
			break
		}
		length := int64(0)
		switch {
		case kind >= 12:
			length = (kind - 12) / 2
		case kind >= 1 && kind <= 4:
			length = kind
		case kind == 5:
			length = 6
		case kind == 6, kind == 7:
			length = 8
		}
		if kind < 0 || length > int64(len(content)) {
			break
		}
		columns = append(columns, column{kind, content[:length]})
		content = content[length:]
	}
	return columns
}

// number is the value of a column that holds a whole number.
func (c column) number() (value int64) {
	switch {
	case c.kind == 9:
		return 1
	case c.kind < 1 || c.kind > 6:
		return 0
	}
	if c.content[0] >= 0x80 {
		value = -1
	}
	for _, b := range c.content {
		value = value<<8 | int64(b)
	}
	return value
}
