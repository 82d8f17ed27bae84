package proctable

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// hashLimit is how much of an executable is hashed, in bytes. What is
	// longer has its size hashed too.
	hashLimit = 64 << 20
	// hashBudget is how much is hashed in one sample, in bytes.
	hashBudget = 128 << 20
	// hashEntries bounds the cache of hashes.
	hashEntries = 16384
)

// contentKey changes whenever the content of a file may have changed.
type contentKey struct {
	dev, inode   uint64
	size         int64
	mtime, ctime unix.Timespec
}

func contentKeyOf(stat *unix.Stat_t) contentKey {
	return contentKey{stat.Dev, stat.Ino, stat.Size, stat.Mtim, stat.Ctim}
}

// hasher remembers the hashes of executables.
type hasher struct {
	mu     sync.Mutex
	hashes map[contentKey]string
}

func newHasher() *hasher { return &hasher{hashes: map[contentKey]string{}} }

func (h *hasher) get(key contentKey) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum, ok := h.hashes[key]
	return sum, ok
}

// put remembers a hash. A full cache is emptied: what still runs is hashed
// again within its budget.
func (h *hasher) put(key contentKey, sum string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.hashes) >= hashEntries {
		clear(h.hashes)
	}
	h.hashes[key] = sum
}

// hash returns the SHA-256 of the first 64 MiB of a file in hex.
func (h *hasher) hash(name string, key contentKey) (string, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	digest := sha256.New()
	read, err := io.Copy(digest, io.LimitReader(file, hashLimit))
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", name, err)
	}
	if read == hashLimit && key.size > hashLimit {
		digest.Write(binary.LittleEndian.AppendUint64(nil, uint64(key.size)))
	}
	sum := hex.EncodeToString(digest.Sum(nil))
	h.put(key, sum)
	return sum, nil
}
