package files

import (
	"fmt"
	"os"
	"sort"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/content"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

// hashBudget is how much is hashed in one scan, in bytes.
const hashBudget = 256 << 20

// known is what is remembered of a content.
type known struct {
	kind   kind
	sha256 string
	used   bool // by the scan that goes on
}

// contents remembers what files are, so that an unchanged directory costs no
// reads. It is bounded by what the last scan saw.
type contents struct{ byKey map[content.Key]*known }

func newContents() *contents { return &contents{byKey: map[content.Key]*known{}} }

func (c *contents) kind(key content.Key) (kind, bool) {
	entry, ok := c.byKey[key]
	if !ok {
		return kindOther, false
	}
	entry.used = true
	return entry.kind, true
}

func (c *contents) remember(key content.Key, k kind) {
	c.byKey[key] = &known{kind: k, used: true}
}

// prune forgets what the last scan did not see.
func (c *contents) prune() {
	for key, entry := range c.byKey {
		if !entry.used {
			delete(c.byKey, key)
		}
		entry.used = false
	}
}

// hash fills in the SHA-256 of files, those with strong reasons first, within
// the budget of one scan. The rest is left to later scans.
func (c *contents) hash(found []*candidate, isKnown func(string) bool, failed func(error)) {
	order := make([]*candidate, len(found))
	copy(order, found)
	rank := func(x *candidate) int {
		switch reasonFor(&x.file, x.isELF) {
		case host.FileRunning, host.FileKnownMiner:
			return 0
		case host.FileHidden:
			return 1
		default:
			return 2
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return rank(order[i]) < rank(order[j]) })
	budget := int64(hashBudget)
	for _, x := range order {
		entry := c.byKey[x.key]
		if entry == nil {
			continue // changed while it was read
		}
		if entry.sha256 == "" && budget > 0 {
			budget -= min(x.key.Size, content.Limit)
			sum, err := hashFile(x.path, x.key)
			if err != nil {
				failed(err)
				continue
			}
			entry.sha256 = sum
		}
		x.file.SHA256 = entry.sha256
		x.file.KnownMiner = x.file.KnownMiner || entry.sha256 != "" && isKnown(entry.sha256)
	}
}

// hashFile hashes a file, if it is still the one that was looked at.
func hashFile(name string, key content.Key) (string, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return "", fmt.Errorf("look at %q: %w", name, err)
	}
	if content.KeyOf(&stat) != key {
		return "", nil // the next scan sees what it has become
	}
	sum, err := content.Sum(file, key.Size)
	if err != nil {
		return "", fmt.Errorf("%q: %w", name, err)
	}
	return sum, nil
}
