// Package content names the content of a file: by what changes with it, and by
// its hash.
package content

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Limit is how much of a file is hashed, in bytes. Of a longer one the size is
// hashed too, so that padding makes another file.
const Limit = 64 << 20

// Key changes whenever the content of a file may have changed.
type Key struct {
	Dev, Inode   uint64
	Size         int64
	Mtime, Ctime unix.Timespec
}

// KeyOf takes a key from stat(2).
func KeyOf(stat *unix.Stat_t) Key {
	return Key{stat.Dev, stat.Ino, stat.Size, stat.Mtim, stat.Ctim}
}

// Sum returns the SHA-256 of the first Limit bytes of a file of a known size,
// in hex.
func Sum(file io.Reader, size int64) (string, error) {
	digest := sha256.New()
	if _, err := io.Copy(digest, io.LimitReader(file, Limit)); err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	if size > Limit {
		digest.Write(binary.LittleEndian.AppendUint64(nil, uint64(size)))
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}
