// Package passwd turns numeric user ids into names with the passwd(5) file of
// the host that is looked at, which need not be the exporter's own.
package passwd

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// passwdLimit bounds what is read of a passwd file, in bytes.
const passwdLimit = 16 << 20

// Names maps user ids to names. It is safe for use by several goroutines.
type Names struct {
	path string

	mu       sync.RWMutex
	modified time.Time
	size     int64
	names    map[uint32]string
}

// New returns the names of the host whose root directory is root.
func New(root string) *Names {
	return &Names{path: filepath.Join(root, "etc/passwd")}
}

// Refresh reads the file again if it changed. A file that cannot be read leaves
// the names as they were.
func (n *Names) Refresh() error {
	info, err := os.Stat(n.path)
	if err != nil {
		return fmt.Errorf("user names stay numbers: %w", err)
	}
	n.mu.RLock()
	fresh := n.names != nil && info.ModTime().Equal(n.modified) && info.Size() == n.size
	n.mu.RUnlock()
	if fresh {
		return nil
	}
	if !info.Mode().IsRegular() || info.Size() > passwdLimit {
		return fmt.Errorf("user names stay numbers: %s is not a regular file of at most %d bytes", n.path, passwdLimit)
	}
	content, err := os.ReadFile(n.path)
	if err != nil {
		return fmt.Errorf("user names stay numbers: %w", err)
	}
	names := parse(content)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names, n.modified, n.size = names, info.ModTime(), info.Size()
	return nil
}

// Name returns the user's name, or the number where it has none.
func (n *Names) Name(uid uint32) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if name, ok := n.names[uid]; ok {
		return name
	}
	return strconv.FormatUint(uint64(uid), 10)
}

// parse keeps the first name of each id, as getpwuid(3) does.
func parse(content []byte) map[uint32]string {
	names := map[uint32]string{}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 3 || fields[0] == "" {
			continue
		}
		uid, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			continue
		}
		if _, taken := names[uint32(uid)]; !taken {
			names[uint32(uid)] = fields[0]
		}
	}
	return names
}
