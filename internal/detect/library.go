package detect

import (
	"path"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// libraryLeast is the CPU time, in seconds, that a program must have used before a library
// in it counts: a compiler may load a plugin that was just built.
const libraryLeast = 10

// foreignLibrary holds for a program of the system, and for a service, into which a library
// from a temporary or hidden directory is mapped, or one that was deleted (T1129): so a
// module comes into Redis, and a miner into any program that LD_LIBRARY_PATH is set for.
// Languages bring libraries of their own and put them there, and so do programs that
// unpack themselves.
func foreignLibrary(v *view) (string, strength) {
	p, look := v.process, v.process.Inspection
	if look == nil || look.Library == "" || p.CPUSeconds < libraryLeast || look.Library == program(p) {
		return "", absent
	}
	evidence := "The library " + quote(look.Library) + " is mapped into it."
	served := v.lineage.Serves(p.Identity) && (p.Origin == model.OriginLocal || p.Origin == model.OriginOther)
	if look.Runtime || bringsLibraries(path.Base(p.Exe)) || isUnpacked(look.Library) || p.Origin != model.OriginSystem && !served {
		return evidence, weak
	}
	return evidence, strong
}

// bringsLibraries knows languages, and tools that compile what they load then.
func bringsLibraries(base string) bool {
	if _, interprets := programs.InterpreterOf(base); interprets && !programs.IsLoader(base) {
		return true
	}
	return slices.ContainsFunc([]string{
		"R", "Rscript", "octave", "octave-cli", "ghc", "ocaml", "ocamlrun", "sage", "root.exe", "gdb", "scilab", "maple", "MATLAB", "WolframKernel",
		"cc1", "cc1plus", "lto1", "ld", "clang",
	}, func(name string) bool { return base == name || strings.HasPrefix(base, name+"-") })
}

// isUnpacked knows the directories that PyInstaller and Nuitka unpack programs into.
func isUnpacked(library string) bool {
	return strings.Contains(library, "/_MEI") || strings.Contains(library, "/onefile_")
}
