package inspect

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// libraries looks in a memory map for code out of files that nobody has installed.
type libraries struct {
	program string // the executable, which is no library
	foreign string // the first that was found
	runtime bool   // it runs programs of another language, which bring libraries of their own
}

func (l *libraries) see(m *mapping) {
	if !m.executable || len(m.name) == 0 || m.name[0] != '/' {
		return
	}
	if found, ok := engineOf(m); ok && found.runtime {
		l.runtime = true
	}
	if l.foreign != "" {
		return
	}
	name, deleted := strings.CutSuffix(string(m.name), " (deleted)")
	if name == l.program || strings.HasPrefix(name, "/memfd:") || name == "/dev/zero" || strings.HasPrefix(name, "/SYSV") {
		return // the program itself, or memory, which code of one's own may be compiled into
	}
	origin, _ := place.Origin(name, deleted)
	// Upgrades delete libraries of the system, and those that people have installed at home.
	removed := deleted && (origin == model.OriginOther || origin == model.OriginWeb)
	if place.IsTemporary(name) || place.IsHidden(name) || removed {
		l.foreign = name
	}
}
