package rpmdb

import (
	"bytes"
	"encoding/binary"
	"io"
)

const (
	ndbPage      = 4096
	ndbPagesMost = 4096 // of slots, 256 each
)

// NDB calls do with the header of each package in a Packages.db (rpmpkg.c of rpm): pages
// of slots, of which the first two are the head, that say where headers are. All numbers
// are little-endian.
func NDB(file io.ReaderAt, do func(blob []byte) error) error {
	head, err := readAt(file, 32, 0)
	if err != nil {
		return err
	}
	pages := binary.LittleEndian.Uint32(head[12:])
	if !bytes.HasPrefix(head, []byte("RpmP")) || pages == 0 || pages > ndbPagesMost {
		return malformed("Packages.db")
	}
	for page := range int64(pages) {
		slots, err := readAt(file, ndbPage, page*ndbPage)
		if err != nil {
			return err
		}
		if page == 0 {
			slots = slots[32:]
		}
		for ; len(slots) > 0; slots = slots[16:] {
			number, block := binary.LittleEndian.Uint32(slots[4:]), binary.LittleEndian.Uint32(slots[8:])
			if number == 0 {
				continue // free
			}
			if !bytes.HasPrefix(slots, []byte("Slot")) {
				return malformed("a slot")
			}
			blob, err := ndbBlob(file, int64(block)*16, number)
			if err != nil {
				return err
			}
			if err := do(blob); err != nil {
				return err
			}
		}
	}
	return nil
}

func ndbBlob(file io.ReaderAt, offset int64, number uint32) ([]byte, error) {
	head, err := readAt(file, 16, offset)
	if err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[12:])
	if !bytes.HasPrefix(head, []byte("BlbS")) || binary.LittleEndian.Uint32(head[4:]) != number || size > HeaderLimit {
		return nil, malformed("the place of a package")
	}
	return readLarge(file, int64(size), offset+16)
}
