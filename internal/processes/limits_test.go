package processes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestLongChainsAreCut(t *testing.T) {
	t.Parallel()
	e := entry{process: &model.Process{}}
	for range 10_000 {
		e = entry{process: &model.Process{Parent: e.ancestor()}}
	}
	length := 0
	for a := e.process.Parent; a != nil; a = a.Parent {
		length++
	}
	if length < maxAncestors || length > 5*maxAncestors {
		t.Errorf("a chain of %d ancestors is kept", length)
	}
}

func TestNoProcfs(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{Proc: "/nonexistent"}); err == nil || !strings.Contains(err.Error(), "--path.procfs") {
		t.Errorf("got %v", err)
	}
	proc := newFakeProc(t)
	if err := proc.sensor().Sample(t.Context(), after(0)); err == nil {
		t.Error("an empty procfs gave no error")
	}
}

// TestVisibilityIsOfTheLiving: what could not be read of a process counts at
// every sample, and what was read once counts as seen.
func TestVisibilityIsOfTheLiving(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	proc.put(fakeProcess{pid: 10, start: 1, comm: "a", exe: "/usr/bin/a"})
	proc.put(fakeProcess{pid: 11, start: 1, comm: "b", exe: "/usr/bin/b"})
	if err := os.Remove(filepath.Join(proc.root, "11/cgroup")); err != nil {
		t.Fatal(err)
	}
	proc.write("11/cgroup/is/a/directory", "")
	sensor := proc.sensor()
	for i := range 3 {
		s := sampleAt(t, sensor, float64(100+5*i))
		if got, want := s.Visibility[model.AspectCgroup], (model.Share{Readable: 1, Total: 2}); got != want {
			t.Errorf("sample %d: cgroups %+v, want %+v", i, got, want)
		}
		if got, want := s.Visibility[model.AspectExe], (model.Share{Readable: 2, Total: 2}); got != want {
			t.Errorf("sample %d: executables %+v, want %+v", i, got, want)
		}
	}
}
