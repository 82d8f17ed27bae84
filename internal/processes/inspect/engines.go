package inspect

import (
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// engine is what compiles while it runs.
type engine struct {
	path    string
	runtime bool // it has a heap of its own, whose size its user sets
}

// engineOf returns what a mapping is the code of. It must be code: whoever maps a file
// called libjvm.so only to be taken for a JVM would have to run it. And it must lie where
// programs are installed, be it in a home. What remains: whoever may write to such a
// directory of his own container, or to a home, can put a library of that name there, and
// any program can load one that is installed.
func engineOf(m *mapping) (engine, bool) {
	if !m.executable || len(m.name) == 0 || m.name[0] != '/' {
		return engine{}, false
	}
	name, deleted := strings.CutSuffix(string(m.name), " (deleted)")
	base := name[strings.LastIndexByte(name, '/')+1:]
	begins := func(name string) bool { return strings.HasPrefix(base, name) }
	found := engine{path: name, runtime: slices.ContainsFunc(runtimes(), begins)}
	if !found.runtime && !slices.ContainsFunc(compilers(), begins) {
		return engine{}, false
	}
	origin, _ := place.Origin(name, deleted)
	if origin.Suspicious() || origin == model.OriginWeb || place.IsHidden(name) {
		return engine{}, false
	}
	return found, true
}

// runtimes begin the names of what runs programs of another language in memory of its own.
func runtimes() []string {
	return []string{
		"libjvm.so", "node", "libnode", "libv8", "chrom", "electron", "deno", "bun", "libcoreclr", "dotnet", "libmono", "mono", "libpypy", "pypy",
		"libjavascriptcoregtk", "libQt5WebEngine", "libQt6WebEngine", "libxul", "libmozjs", "mongod", "libtorch", "libtensorflow", "libxla",
		"libgraal", "libcuda", "qemu", "beam.smp", "julia", "libjulia", "clickhouse", "dart", "wine", "box64", "memcheck",
	}
}

// compilers begin the names of what only compiles: they explain code in memory, and no other size of it.
func compilers() []string {
	return []string{
		"libclrjit", "libluajit", "luajit", "libpcre2", "libLLVM", "libllvmlite", "libclang", "libdnnl", "libmkl", "libwasmtime", "libwasmer",
		"libnvrtc", "ruby", "libruby", "php", "libphp", "opcache",
	}
}
