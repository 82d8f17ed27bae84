package hostfs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// HashLimit is how much of a file is hashed, in bytes. Of a longer one the size is
// hashed too, so that padding makes another file.
const HashLimit = 64 << 20

// ContentKey changes whenever the content of a file may have changed.
type ContentKey struct {
	Dev, Inode   uint64
	Size         int64
	Mtime, Ctime unix.Timespec
}

// ContentKeyOf takes a key from stat(2).
func ContentKeyOf(stat *unix.Stat_t) ContentKey {
	return ContentKey{stat.Dev, stat.Ino, stat.Size, stat.Mtim, stat.Ctim}
}

// HashContent returns the SHA-256 of the first HashLimit bytes of a file of a known size,
// in hex.
func HashContent(file io.Reader, size int64) (string, error) {
	digest := sha256.New()
	if _, err := io.Copy(digest, io.LimitReader(file, HashLimit)); err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	if size > HashLimit {
		digest.Write(binary.LittleEndian.AppendUint64(nil, uint64(size)))
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}
