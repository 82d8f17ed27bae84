package main

import (
	"os"
	"path/filepath"
	"strconv"
)

// The programs that e2e/lab/randomx/build makes beside the burner.
const (
	hasher       = "randomx-hasher"     // computes RandomX with Debian's library
	ownCode      = "randomx-own"        // static and stripped, with the constants in its code
	unpackedCode = "randomx-unpacked"   // with the constants in memory only
	javaLibrary  = "randomx-library.so" // computes RandomX for a Java program
)

// randomXAttacks compute RandomX itself, and their programs lie where programs are
// installed: nothing but what they compute speaks against them.
func randomXAttacks(n *names) []scenario {
	script, java := n.local("*.py"), n.local("*")
	library := java + "/" + n.word() + ".so"
	one := func(name, tool, path string, cores float64, short bool, arguments ...string) scenario {
		return scenario{
			name: name, technique: "T1496.001", expect: critical, needs: history, cores: cores, short: short,
			paths: []string{n.top(path)}, tools: []string{tool},
			play: func(s *session) {
				s.placeTool(path, tool)
				s.launch(order{path: path, argv: append(append([]string{path}, arguments...), s.seconds())})
			},
		}
	}
	return []scenario{
		one("RandomX in fast mode, installed under another name", hasher, n.local("*"), 2, false, "fast", "jit", "2"),
		one("RandomX in light mode, installed under another name", hasher, n.local("*/*"), 1, true, "light", "jit", "1"),
		one("RandomX in light mode, interpreted", hasher, n.home("*/*"), 1, false, "light", "interpreted", "1"),
		one("code of RandomX in a static, stripped program", ownCode, n.local("*"), 1, false, "own"),
		one("code of RandomX that is unpacked into memory", unpackedCode, n.local("*/*"), 1, false, "unpacked"),
		{
			name: "RandomX as a library in python", technique: "T1129", expect: critical, needs: history, cores: 1,
			paths: []string{n.top(script)}, tools: []string{hasher}, programs: []string{"python3"},
			play: func(s *session) {
				s.write(script, pythonHasher, 0o644)
				s.launch(order{argv: []string{"python3", script, s.seconds()}})
			},
		},
		{
			name: "RandomX as a library in a JVM", technique: "T1129", expect: critical, needs: history, cores: 1,
			paths: []string{java}, tools: []string{javaLibrary}, programs: []string{"java"}, claims: []string{"java"},
			play: func(s *session) {
				s.placeTool(library, javaLibrary)
				s.write(java+"/Work.java", "public class Work {\n  static native void run(long seconds);\n"+
					"  public static void main(String[] a) {\n    System.load(a[0]);\n    run(Long.parseLong(a[1]));\n  }\n}\n", 0o644)
				s.launch(order{argv: []string{"java", "-XX:-UsePerfData", "-Xmx64m", "Work.java", library, s.seconds()}, directory: java})
			},
		},
	}
}

// placeTool puts a program that was built beside the burner at a path. Each path has another
// content: what has the same is one suspect.
func (s *session) placeTool(path, tool string) {
	content, err := os.ReadFile(filepath.Join(filepath.Dir(s.burner), tool))
	s.fail(err)
	s.write(path, string(content)+s.tracker.run+" "+path, 0o755)
}

// seconds is after how long programs end by themselves.
func (s *session) seconds() string { return strconv.Itoa(int(s.lifetime().Seconds())) }

// pythonHasher computes RandomX in light mode by Debian's library.
const pythonHasher = `import ctypes, sys, time
end = time.time() + int(sys.argv[1])
randomx = ctypes.CDLL("librandomx.so.0")
for function in randomx.randomx_alloc_cache, randomx.randomx_create_vm:
    function.restype = ctypes.c_void_p
flags = randomx.randomx_get_flags()
cache = ctypes.c_void_p(randomx.randomx_alloc_cache(flags))
randomx.randomx_init_cache(cache, b"the attack lab", ctypes.c_size_t(14))
machine = ctypes.c_void_p(randomx.randomx_create_vm(flags, cache, None))
output = ctypes.create_string_buffer(32)
while time.time() < end:
    randomx.randomx_calculate_hash(machine, output, ctypes.c_size_t(32), output)
`
