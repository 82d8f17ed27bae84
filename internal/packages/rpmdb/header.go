package rpmdb

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Tags of a header (rpmtag.h of rpm).
const (
	tagName        = 1000
	tagStates      = 1029
	tagDigests     = 1035
	tagFlags       = 1037
	tagVerifyFlags = 1045
	tagDirIndexes  = 1116
	tagBaseNames   = 1117
	tagDirNames    = 1118
	tagAlgorithm   = 5011
)

// Flags of a file (rpmfiles.h of rpm).
const (
	flagConfig   = 1 << 0
	flagGhost    = 1 << 6 // the package has a name for it, and no content
	verifyDigest = 1 << 0
)

// File is a file of a package.
type File struct {
	Name      string // absolute
	Digest    string // in hex; "" if there is none
	Algorithm int    // of the digest, by its number in OpenPGP (RFC 9580): 1 MD5, 2 SHA-1, 8 SHA-256 ...
	MayChange bool   // the package says that its content may be another
}

// header is the header of a package: an index of tags, and their data.
type header struct {
	index map[int][2]int // tag -> where its data begins, and how many there are
	data  []byte
}

// parseHeader reads a header as the databases have it: the numbers of entries and of
// bytes of data, entries of 16 bytes (tag, type, offset, count), and the data. All
// numbers are big-endian.
func parseHeader(blob []byte) (header, error) {
	if len(blob) < 8 {
		return header{}, malformed("a header")
	}
	entries, size := int64(binary.BigEndian.Uint32(blob)), int64(binary.BigEndian.Uint32(blob[4:]))
	if 8+16*entries+size > int64(len(blob)) {
		return header{}, malformed("a header")
	}
	h := header{index: map[int][2]int{}, data: blob[8+16*entries : 8+16*entries+size]}
	for at := blob[8 : 8+16*entries]; len(at) > 0; at = at[16:] {
		switch tag := int(binary.BigEndian.Uint32(at)); tag {
		case tagName, tagStates, tagDigests, tagFlags, tagVerifyFlags, tagDirIndexes, tagBaseNames, tagDirNames, tagAlgorithm:
			offset, count := int64(binary.BigEndian.Uint32(at[8:])), int64(binary.BigEndian.Uint32(at[12:]))
			if offset <= size && count <= size {
				h.index[tag] = [2]int{int(offset), int(count)}
			}
		}
	}
	return h, nil
}

// texts returns the strings of a tag, without copies; fewer than there should be where
// the data end.
func (h header) texts(tag int) [][]byte {
	place, ok := h.index[tag]
	if !ok {
		return nil
	}
	texts := make([][]byte, 0, place[1])
	for rest := h.data[place[0]:]; len(texts) < place[1]; {
		end := bytes.IndexByte(rest, 0)
		if end < 0 {
			break
		}
		texts = append(texts, rest[:end])
		rest = rest[end+1:]
	}
	return texts
}

// number returns one of the 32-bit numbers of a tag.
func (h header) number(tag, at int) (int, bool) {
	place, ok := h.index[tag]
	if !ok || at < 0 || at >= place[1] || place[0]+4*at+4 > len(h.data) {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(h.data[place[0]+4*at:])), true
}

// Files returns the name of the package that a header is of, and those of its files that
// are wanted and lie where the package has put them. wanted is asked about base names
// first, then about whole paths.
func Files(blob []byte, base func([]byte) bool, wanted func(string) bool) (pkg string, files []File, err error) {
	h, err := parseHeader(blob)
	if err != nil {
		return "", nil, err
	}
	var directories, digests [][]byte
	for i, name := range h.texts(tagBaseNames) {
		if !base(name) {
			continue
		}
		if directories == nil {
			directories, digests = h.texts(tagDirNames), h.texts(tagDigests)
		}
		directory, ok := h.number(tagDirIndexes, i)
		if !ok || directory >= len(directories) {
			return "", nil, malformed("the names of files")
		}
		file := File{Name: string(directories[directory]) + string(name)}
		if !wanted(file.Name) || !h.installed(i) {
			continue
		}
		if i < len(digests) {
			file.Digest = strings.ToLower(string(digests[i]))
		}
		file.Algorithm = 1 // before rpm 4.6 there was no tag, and MD5
		if algorithm, ok := h.number(tagAlgorithm, 0); ok {
			file.Algorithm = algorithm
		}
		flags, _ := h.number(tagFlags, i)
		verify, told := h.number(tagVerifyFlags, i)
		file.MayChange = flags&(flagConfig|flagGhost) != 0 || told && verify&verifyDigest == 0
		files = append(files, file)
	}
	if names := h.texts(tagName); len(names) > 0 {
		pkg = string(names[0])
	}
	return pkg, files, nil
}

// installed tells whether the file with a number is the package's own on the disk: it may
// have been replaced by another package's, or left out (rpmfileState of rpm).
func (h header) installed(at int) bool {
	place, ok := h.index[tagStates]
	if !ok || at >= place[1] || place[0]+at >= len(h.data) {
		return true
	}
	return h.data[place[0]+at] == 0
}
