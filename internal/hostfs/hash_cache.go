package hostfs

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// hashEntries bounds a cache of hashes.
const hashEntries = 16384

// errReplaced is a kind of Vanished.
var errReplaced = fmt.Errorf("another file has taken its place: %w", unix.ESTALE)

// HashCache remembers the hashes of files by their content keys, at most 16,384. It may
// be used by several goroutines.
type HashCache struct {
	mu     sync.Mutex
	hashes map[ContentKey]string
}

// NewHashCache returns an empty cache.
func NewHashCache() *HashCache { return &HashCache{hashes: map[ContentKey]string{}} }

// Get returns a hash that is known, in hex.
func (h *HashCache) Get(key ContentKey) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum, ok := h.hashes[key]
	return sum, ok
}

// put remembers a hash. A full cache is emptied: what still runs is hashed
// again within its budget.
func (h *HashCache) put(key ContentKey, sum string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.hashes) >= hashEntries {
		clear(h.hashes)
	}
	h.hashes[key] = sum
}

// Hash returns the SHA-256 of the file behind /proc/PID/exe, unless the process runs
// another file by now. Links to the file may have come and gone.
func (h *HashCache) Hash(name string, key ContentKey) (string, error) {
	return h.hashIf(name, key, func(now ContentKey) bool { return now.Dev == key.Dev && now.Inode == key.Inode })
}

// HashSame is Hash for a path: the file must still be the one with this key, unchanged.
func (h *HashCache) HashSame(name string, key ContentKey) (string, error) {
	return h.hashIf(name, key, func(now ContentKey) bool { return now == key })
}

func (h *HashCache) hashIf(name string, key ContentKey, fits func(ContentKey) bool) (string, error) {
	file, err := OpenLocal(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	stat, err := Stat(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if !fits(ContentKeyOf(&stat)) {
		return "", fmt.Errorf("%s: %w", name, errReplaced)
	}
	sum, err := HashContent(file, key.Size)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	h.put(key, sum)
	return sum, nil
}
