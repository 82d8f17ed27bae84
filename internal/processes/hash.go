package processes

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	// hashBudget is how much is hashed in one sample, in bytes.
	hashBudget = 128 << 20
	// hashEntries bounds the cache of hashes.
	hashEntries = 16384
)

// errReplaced is a kind of hostfs.Vanished.
var errReplaced = fmt.Errorf("another file has taken its place: %w", unix.ESTALE)

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

// hash returns the SHA-256 of the file behind /proc/PID/exe, unless the process runs
// another file by now. Links to the file may have come and gone.
func (h *hasher) hash(name string, key hostfs.ContentKey) (string, error) {
	return h.hashIf(name, key, func(now hostfs.ContentKey) bool { return now.Dev == key.Dev && now.Inode == key.Inode })
}

// same is hash for a path: the file must still be the one with this key, unchanged.
func (h *hasher) same(name string, key hostfs.ContentKey) (string, error) {
	return h.hashIf(name, key, func(now hostfs.ContentKey) bool { return now == key })
}

func (h *hasher) hashIf(name string, key hostfs.ContentKey, fits func(hostfs.ContentKey) bool) (string, error) {
	file, err := hostfs.OpenLocal(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return "", fmt.Errorf("stat %s: %w", name, err)
	}
	if !fits(hostfs.ContentKeyOf(&stat)) {
		return "", fmt.Errorf("%s: %w", name, errReplaced)
	}
	sum, err := hostfs.HashContent(file, key.Size)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	h.put(key, sum)
	return sum, nil
}
