package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// names gives the names and paths of one run. They differ from run to run, so
// that no rule can be tuned to them, and are the same again for the same seed on the
// same host. None is given twice, and none is that of a file which is there.
type names struct {
	seed      uint64
	random    *rand.Rand
	taken     map[string]bool
	homeRoot  string   // where the lab's user keeps programs
	localRoot string   // where an administrator puts them
	temporary []string // where everybody may write, and run a program
	allowed   allowed
}

func newNames(seed uint64) *names {
	n := &names{seed: seed, random: rand.New(rand.NewPCG(seed, 0)), taken: map[string]bool{}}
	n.homeRoot = n.path("/home/*")
	n.localRoot = n.path([]string{"/usr/local/lib/*", "/opt/*", "/usr/local/*"}[n.random.IntN(3)])
	for _, directory := range []string{"/tmp", "/var/tmp", "/dev/shm"} {
		if mayRun(directory) {
			n.temporary = append(n.temporary, directory)
		}
	}
	if len(n.temporary) == 0 {
		n.temporary = []string{"/tmp"} // nothing will start there, and the lab says so
	}
	n.allowed = newAllowed(n)
	return n
}

// mayRun tells whether programs below a directory may run: containers often have a
// /dev/shm where none may.
func mayRun(directory string) bool {
	const noExec = 8 // ST_NOEXEC of statvfs(3), which the kernel also uses in f_flags of statfs(2)
	var state syscall.Statfs_t
	return syscall.Statfs(directory, &state) == nil && state.Flags&noExec == 0
}

// word is a name that says nothing, of six letters or more. It is nobody's look-alike.
func (n *names) word() string {
	const consonants, vowels = "bdfghjklmnprstvz", "aeiou"
	for {
		var word strings.Builder
		for range 3 + n.random.IntN(2) {
			word.WriteByte(consonants[n.random.IntN(len(consonants))])
			word.WriteByte(vowels[n.random.IntN(len(vowels))])
		}
		if n.random.IntN(3) == 0 {
			word.WriteString(strconv.Itoa(n.random.IntN(100)))
		}
		if made := word.String(); !n.taken[made] {
			n.taken[made] = true
			return made
		}
	}
}

// path puts a word of its own in the place of each star.
func (n *names) path(pattern string) string {
	for {
		made := pattern
		for strings.Contains(made, "*") {
			made = strings.Replace(made, "*", n.word(), 1)
		}
		if _, err := os.Lstat(made); errors.Is(err, os.ErrNotExist) || made == pattern {
			return made
		}
	}
}

// temp is a path below one of the directories that everybody may write to.
func (n *names) temp(pattern string) string {
	return n.path(n.temporary[n.random.IntN(len(n.temporary))] + "/" + pattern)
}

// home is a path in the home of the lab's user.
func (n *names) home(pattern string) string { return n.path(n.homeRoot + "/" + pattern) }

// local is a path where an administrator installs programs.
func (n *names) local(pattern string) string { return n.path(n.localRoot + "/" + pattern) }

// port is one that nothing listens on now.
func (n *names) port() int {
	for {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			continue // all in use for a moment
		}
		port := listener.Addr().(*net.TCPAddr).Port
		listener.Close()
		if name := strconv.Itoa(port); !n.taken[name] {
			n.taken[name] = true
			return port
		}
	}
}

// top is the part of a path that a scenario makes by itself: below directories that
// everybody may write to, and those of the lab, the first element.
func (n *names) top(path string) string {
	for _, root := range append([]string{n.homeRoot, n.localRoot}, temporaryDirectories()...) {
		if below, ok := strings.CutPrefix(path, root+"/"); ok {
			first, _, _ := strings.Cut(below, "/")
			return filepath.Join(root, first)
		}
	}
	return path
}

// burner completes a scenario that is one burner.
func (n *names) burner(s scenario, path string, work task.Task, argv ...string) scenario {
	s.paths, s.play = []string{n.top(path)}, runs(path, work, argv...)
	return s
}

// tops are those parts of several paths.
func (n *names) tops(paths ...string) []string {
	var all []string
	for _, path := range paths {
		if top := n.top(path); !slices.Contains(all, top) {
			all = append(all, top)
		}
	}
	return all
}
