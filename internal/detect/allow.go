package detect

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Allow is an entry of the user's allow list. Every field that is set must
// match; one with nothing set matches nothing.
type Allow struct {
	Path   string // glob of path.Match over the executable's path
	SHA256 string // 64 hex
	User   string // of the host: a container's user of the same name or number is another
	Unit   string
}

// matchesEntry tells whether the entry names a file that starts programs.
func (a Allow) matchesEntry(entry *model.PersistenceEntry) bool {
	if a.Path == "" || a.SHA256 != "" || a.User != "" && a.User != entry.User || a.Unit != "" && a.Unit != entry.Unit {
		return false
	}
	ok, err := path.Match(a.Path, entry.Path)
	return ok && err == nil
}

// Matches tells whether the entry names the process.
func (a Allow) Matches(p *model.Process) bool {
	if a == (Allow{}) {
		return false
	}
	if a.Path != "" {
		if ok, err := path.Match(a.Path, p.Exe); err != nil || !ok {
			return false
		}
	}
	if a.User != "" && (a.User != p.User || p.Isolation == model.IsolationContainer) {
		return false
	}
	return (a.SHA256 == "" || strings.EqualFold(a.SHA256, p.SHA256)) &&
		(a.Unit == "" || a.Unit == p.Unit)
}
