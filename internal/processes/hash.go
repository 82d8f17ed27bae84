package processes

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	// hashBudget is how much is hashed in one sample, in bytes.
	hashBudget = 128 << 20
	// hashTime bounds the hashing of one of them.
	hashTime = 5 * time.Second
	// hashEntries bounds the cache of hashes.
	hashEntries = 16384
)

var errReplaced = errors.New("another file has taken its name")

// hasher remembers the hashes of executables.
type hasher struct {
	mu     sync.Mutex
	hashes map[hostfs.ContentKey]string
}

func newHasher() *hasher { return &hasher{hashes: map[hostfs.ContentKey]string{}} }

func (h *hasher) get(key hostfs.ContentKey) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum, ok := h.hashes[key]
	return sum, ok
}

// put remembers a hash. A full cache is emptied: what still runs is hashed
// again within its budget.
func (h *hasher) put(key hostfs.ContentKey, sum string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.hashes) >= hashEntries {
		clear(h.hashes)
	}
	h.hashes[key] = sum
}

// hash returns the SHA-256 of the file behind /proc/PID/exe.
func (h *hasher) hash(name string, key hostfs.ContentKey) (string, error) {
	file, err := hostfs.OpenLocal(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return h.sum(file, key)
}

// same is hash for a path: the file must still be the one with this key.
func (h *hasher) same(name string, key hostfs.ContentKey) (string, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return "", fmt.Errorf("stat %s: %w", name, err)
	}
	if hostfs.ContentKeyOf(&stat) != key {
		return "", fmt.Errorf("%s: %w", name, errReplaced)
	}
	return h.sum(file, key)
}

func (h *hasher) sum(file *os.File, key hostfs.ContentKey) (string, error) {
	sum, err := hostfs.HashContent(file, key.Size)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file.Name(), err)
	}
	h.put(key, sum)
	return sum, nil
}
