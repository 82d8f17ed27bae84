package persistence

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

// maxPasswdBytes bounds what is read of passwd(5), in bytes.
const maxPasswdBytes = 16 << 20

// home is a user's home directory.
type home struct {
	user string
	path string
}

// homes are those of passwd(5). What was known stays while the file cannot be
// read, so that no start-up file seems to be gone.
type homes struct {
	key  hostfs.ContentKey
	all  []home
	of   map[string]string // user -> home
	many bool              // there are more than are looked at
}

// parse takes the homes out of a passwd file. Users who share a home are taken
// once, under the first of them.
func (h *homes) parse(text string) {
	h.all, h.of, h.many = nil, map[string]string{}, false
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(fields) < 6 || fields[0] == "" || !strings.HasPrefix(fields[5], "/") || strings.HasPrefix(fields[0], "#") {
			continue
		}
		directory := path.Clean(fields[5])
		if len(h.of) >= maxHomes {
			h.many = true
			return
		}
		if _, taken := h.of[fields[0]]; !taken {
			h.of[fields[0]] = directory
		}
		if !seen[directory] {
			seen[directory] = true
			h.all = append(h.all, home{user: fields[0], path: directory})
		}
	}
}
