package detect

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// libraryLeast is the CPU time, in seconds, that a program must have used before a library
// in it counts: a compiler may load a plugin that was just built.
const libraryLeast = 10

// foreignLibrary holds for a program of the system into which a library from a temporary
// or hidden directory is mapped, or one that was deleted (T1129): so a module comes into
// Redis, and a miner into any program that LD_LIBRARY_PATH is set for. Languages bring
// libraries of their own and put them there, and so do programs that unpack themselves.
func foreignLibrary(v *view) (string, strength) {
	p, look := v.process, v.process.Inspection
	if look == nil || look.Library == "" || p.CPUSeconds < libraryLeast || look.Library == program(p) {
		return "", absent
	}
	evidence := "The library " + quote(look.Library) + " is mapped into it."
	_, interprets := programs.InterpreterOf(path.Base(p.Exe))
	if interprets && !programs.IsLoader(path.Base(p.Exe)) || look.Runtime {
		return evidence, weak
	}
	served := p.Isolation == model.IsolationContainer && v.lineage.Listens(p.Identity) && !isUnpacked(look.Library)
	if p.Origin == model.OriginSystem || p.Origin == model.OriginLocal && served {
		return evidence, strong
	}
	return evidence, weak
}

// isUnpacked knows the directories that PyInstaller and Nuitka unpack programs into.
func isUnpacked(library string) bool {
	return strings.Contains(library, "/_MEI") || strings.Contains(library, "/onefile_")
}
