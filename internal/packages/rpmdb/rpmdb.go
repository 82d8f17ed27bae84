// Package rpmdb reads the databases of rpm: SQLite (Fedora, RHEL 9), ndb (SUSE) and
// Berkeley DB (RHEL 8 and before). Only what tells whose a file is is understood. The
// files may hold anything: whatever they claim, a read is bounded by the reader that is
// passed in, and memory by HeaderLimit.
//
// No library is used, although there is one (github.com/knqyf263/go-rpmdb): it opens files
// by name, also out of the root; its SQLite writes files beside the database, and its ndb
// holds rpm up by a lock; it reads all packages for one question; and it does not say
// which files are not on the disk as their package has them. Both give the same names and
// digests for that library's sixteen databases of CentOS 5 to 8, Fedora, SUSE, Mariner and
// UBI.
package rpmdb

import (
	"errors"
	"fmt"
	"io"
)

const (
	// HeaderLimit is the largest header of a package, in bytes: that of texlive has 20 MiB.
	HeaderLimit = 64 << 20
	pagesLimit  = 1 << 24 // that are followed in one tree or chain
)

// errFormat is the answer for what is no such database.
var errFormat = errors.New("it is not laid out as a database of rpm")

func malformed(what string) error { return fmt.Errorf("%s: %w", what, errFormat) }

// readAt reads a part of a file. It is worth nothing if there is an error.
func readAt(file io.ReaderAt, size int, offset int64) ([]byte, error) {
	content := make([]byte, size)
	return content, fill(content, file, offset)
}

// fill is readAt into a buffer.
func fill(content []byte, file io.ReaderAt, offset int64) error {
	n, err := file.ReadAt(content, offset)
	switch {
	case n == len(content):
		return nil
	case errors.Is(err, io.EOF):
		return malformed("it ends early")
	default:
		return err
	}
}

// readLarge is readAt for sizes that a file claims: memory grows with what is read.
func readLarge(file io.ReaderAt, size, offset int64) ([]byte, error) {
	content, err := io.ReadAll(io.NewSectionReader(file, offset, size))
	if err == nil && int64(len(content)) < size {
		err = malformed("it ends early")
	}
	return content, err
}
