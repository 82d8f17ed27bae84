package rpmdb

import (
	"encoding/binary"
	"io"
)

// Berkeley DB, access method hash (db_page.h of Berkeley DB).
const (
	bdbMagic        = 0x061561
	bdbHead         = 26 // of a page, in bytes
	bdbHashUnsorted = 2
	bdbOverflow     = 7
	bdbHash         = 13
	bdbKeyData      = 1 // an item that is in the page
	bdbOffPage      = 3 // an item that is in a chain of pages
)

type bdb struct {
	file     io.ReaderAt
	order    binary.ByteOrder // of the machine that wrote it
	pageSize int
	pages    uint32
	next     []byte // room for a page of a chain
}

// BDB calls do with the header of each package in a file Packages of Berkeley DB: a hash
// from the numbers of packages to their headers. Its pages are read in their order.
func BDB(file io.ReaderAt, do func(blob []byte) error) error {
	head, err := readAt(file, 512, 0)
	if err != nil {
		return err
	}
	d := bdb{file: file, order: binary.LittleEndian}
	if d.order.Uint32(head[12:]) != bdbMagic {
		d.order = binary.BigEndian
	}
	d.pageSize, d.pages = int(d.order.Uint32(head[20:])), d.order.Uint32(head[32:])
	encrypted := head[24] != 0
	if d.order.Uint32(head[12:]) != bdbMagic || d.pageSize < 512 || d.pageSize > 65536 || d.pages > pagesLimit || encrypted {
		return malformed("Packages")
	}
	page := make([]byte, d.pageSize)
	d.next = make([]byte, d.pageSize)
	for number := uint32(1); number <= d.pages; number++ {
		if err := d.read(page, number); err != nil {
			return err
		}
		if kind := page[25]; kind != bdbHash && kind != bdbHashUnsorted {
			continue
		}
		if err := d.items(page, do); err != nil {
			return err
		}
	}
	return nil
}

// read reads a page.
func (d bdb) read(page []byte, number uint32) error {
	if number > d.pages {
		return malformed("the number of a page")
	}
	return fill(page, d.file, int64(number)*int64(d.pageSize))
}

// items reads the values of one page: keys and values alternate, and items are laid out
// from the end of the page. The value of key 0 is no package, but the next free number.
func (d bdb) items(page []byte, do func(blob []byte) error) error {
	entries := int(d.order.Uint16(page[20:]))
	if bdbHead+2*entries > len(page) {
		return malformed("a page")
	}
	start := func(at int) int { return int(d.order.Uint16(page[bdbHead+2*at:])) }
	for at := 1; at < entries; at += 2 {
		begin, end := start(at), start(at-1)
		if begin < bdbHead || end <= begin || end > len(page) {
			return malformed("an item")
		}
		item := page[begin:end]
		var blob []byte
		switch {
		case item[0] == bdbKeyData && len(item) > 16:
			blob = item[1:]
		case item[0] == bdbOffPage && len(item) >= 12:
			var err error
			if blob, err = d.chain(d.order.Uint32(item[4:]), d.order.Uint32(item[8:])); err != nil {
				return err
			}
		default:
			continue
		}
		if err := do(blob); err != nil {
			return err
		}
	}
	return nil
}

// chain reads an item that is longer than a page.
func (d bdb) chain(number, size uint32) ([]byte, error) {
	if size > HeaderLimit {
		return nil, malformed("a header")
	}
	var blob []byte // it grows with what is read, not with what is claimed
	for page := d.next; len(blob) < int(size); {
		if err := d.read(page, number); err != nil {
			return nil, err
		}
		used := int(d.order.Uint16(page[22:]))
		if number == 0 || page[25] != bdbOverflow || used == 0 || bdbHead+used > len(page) {
			return nil, malformed("a chain of pages")
		}
		blob = append(blob, page[bdbHead:bdbHead+used]...)
		number = d.order.Uint32(page[16:])
	}
	return blob[:size], nil
}
