package packages

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// programsBelow are the regular files below a directory of this machine that may be run,
// at most most.
func programsBelow(tb testing.TB, directory string, most int) []model.ProgramFile {
	tb.Helper()
	var programs []model.ProgramFile
	err := filepath.WalkDir(directory, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || len(programs) >= most {
			return err
		}
		var stat unix.Stat_t
		if unix.Lstat(name, &stat) == nil && stat.Mode&0o111 != 0 {
			programs = append(programs, model.ProgramFile{Path: name, File: model.FileID{Dev: stat.Dev, Inode: stat.Ino}})
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return programs
}

func skipWithoutDpkg(tb testing.TB) {
	tb.Helper()
	if _, err := os.Stat("/var/lib/dpkg/info/coreutils.list"); err != nil {
		tb.Skip("this machine was not installed by dpkg: ", err)
	}
}

// TestThisMachine asks about all programs of a Debian. What is no package's, or not as the
// package has it, must have been made by whoever set the machine up.
func TestThisMachine(t *testing.T) {
	t.Parallel()
	skipWithoutDpkg(t)
	programs := slices.Concat(programsBelow(t, "/usr/bin", 4096), programsBelow(t, "/usr/sbin", 4096))
	contents := &contents{known: map[contentKey]string{}}
	began, states := time.Now(), map[model.PackageState]int{}
	for range 100 { // each question compares a part of them
		answer, err := question{root: "/", databases: databases(), programs: programs, contents: contents, scan: true}.ask()
		if err != nil {
			t.Fatal(err)
		}
		later := false
		clear(states)
		for p, fact := range answer.facts {
			states[fact.State]++
			later = later || fact.Why == whyLater
			if fact.State == model.PackageUnknown && fact.Why != whyLater {
				t.Errorf("%s: %+v", p.Path, fact)
			}
			if fact.State != model.PackageUnaltered && fact.State != model.PackageUnknown {
				t.Logf("%s: %s %s, after the last change: %v", p.Path, fact.State, fact.Why, fact.AfterLastChange())
			}
		}
		if !later {
			break
		}
	}
	t.Logf("%d programs in %s: %v", len(programs), time.Since(began), states)
	if states[model.PackageUnaltered] < len(programs)*9/10 || states[model.PackageAltered] > len(programs)/200 {
		t.Errorf("of %d programs %v", len(programs), states)
	}
}

// TestLibrariesOfThisMachine asks about /usr/lib without reading the files: what is unowned?
func TestLibrariesOfThisMachine(t *testing.T) {
	t.Parallel()
	skipWithoutDpkg(t)
	programs := programsBelow(t, "/usr/lib", 2048)
	answer, err := question{root: "/", databases: databases(), programs: programs, contents: &contents{known: map[contentKey]string{}}, scan: true}.ask()
	if err != nil {
		t.Fatal(err)
	}
	unowned := 0
	for p, fact := range answer.facts {
		if fact.State == model.PackageUnowned && !strings.HasPrefix(p.Path, "/usr/lib/modules/") {
			unowned++
			t.Logf("%s is no package's", p.Path)
		}
	}
	if unowned > len(programs)/10 {
		t.Errorf("%d of %d programs are no package's", unowned, len(programs))
	}
}

// BenchmarkQuestion is one question about one program of this machine: with the databases
// still to be read, with only the content still to be compared, and with all of it known.
func BenchmarkQuestion(b *testing.B) {
	skipWithoutDpkg(b)
	programs := programsBelow(b, "/usr/bin", 1)
	ask := func(known ownership, c *contents) answer {
		answer, err := question{root: "/", databases: databases(), programs: programs, known: known, contents: c, scan: true}.ask()
		if err != nil {
			b.Fatal(err)
		}
		return answer
	}
	all := &contents{known: map[contentKey]string{}}
	known := ask(ownership{}, all).ownership
	b.Run("databases", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ask(ownership{}, all)
		}
	})
	b.Run("content", func(b *testing.B) {
		for b.Loop() {
			ask(known, &contents{known: map[contentKey]string{}})
		}
	})
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ask(known, all)
		}
	})
}
