package processes

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestCloserLook holds that a burner, and what runs from temp, is looked at, and
// an idle program of the system is not.
func TestCloserLook(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	inTemp := program(t, "x", "\x7fELF"+string(make([]byte, 200))+"UPX!")
	f.put(fakeProcess{pid: 10, start: 1, comm: "burner", exe: "/usr/bin/burner", argv: []string{"burner"}})
	f.put(fakeProcess{pid: 11, start: 1, comm: "idle", exe: "/usr/bin/idle", argv: []string{"idle"}})
	f.put(fakeProcess{pid: 12, start: 1, comm: "x", exe: inTemp, argv: []string{"x"}})
	f.write("10/maps", "7f0000000000-7f0082000000 rwxp 00000000 00:00 0\n")
	f.write("10/environ", "HOME=/\x00LD_PRELOAD=/tmp/x.so\x00")
	f.write("10/task/10/stat", "10 (a) b) R 1 0 0 0 -1 0 0 0 0 0 0 0 0 0\n")
	f.write("10/task/21/stat", "21 (w) R 1 0 0 0 -1 0 0 0 0 0 0 0 0 0\n")
	f.write("10/task/22/stat", "22 (w) R 1 0 0 0 -1 0 0 0 0 0 0 0 0 0\n")
	if err := os.MkdirAll(filepath.Join(f.root, "10/fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/cpu/0/msr", filepath.Join(f.root, "10/fd/3")); err != nil {
		t.Fatal(err)
	}
	s := f.sensor()
	sampleAt(t, s, 100)
	for i, used := range []float64{40, 80} {
		f.put(fakeProcess{pid: 10, start: 1, comm: "burner", exe: "/usr/bin/burner", argv: []string{"", "", ""}, used: used})
		for _, tid := range []int{21, 22} {
			f.write("10/task/"+strconv.Itoa(tid)+"/stat", strconv.Itoa(tid)+" (w) R 1 0 0 0 -1 0 0 0 0 0 "+strconv.Itoa(6000*i)+" 0 0 0\n")
		}
		sampleAt(t, s, 100+float64(61*(i+1)))
	}
	last := s.Snapshot()
	burner := processOf(t, last, 10)
	if look := burner.Inspection; look == nil || look.Memory.Signature != model.SignatureRandomXFast || look.Preload != "/tmp/x.so" || !look.MSR || look.EqualThreads != 2 || !burner.ArgvErased {
		t.Errorf("burner: %+v, erased %v", look, burner.ArgvErased)
	}
	if idle := processOf(t, last, 11); idle.Inspection != nil {
		t.Errorf("idle: %+v", idle.Inspection)
	}
	if x := processOf(t, last, 12); x.Inspection == nil || !x.Inspection.Packed {
		t.Errorf("in temp: %+v", x.Inspection)
	}
}

// TestMountNamespace tells whose mounts are not the host's, by those of pid 1 or,
// where they cannot be read, by the exporter's own.
func TestMountNamespace(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	for _, of := range []struct{ process, namespace string }{{"self", "mnt:[1]"}, {"10", "mnt:[2]"}, {"11", "mnt:[1]"}} {
		if err := os.MkdirAll(filepath.Join(f.root, of.process, "ns"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(of.namespace, filepath.Join(f.root, of.process, "ns/mnt")); err != nil {
			t.Fatal(err)
		}
	}
	f.put(fakeProcess{pid: 10, start: 1, comm: "inside", exe: "/usr/bin/inside"})
	f.put(fakeProcess{pid: 11, start: 1, comm: "outside", exe: "/usr/bin/outside"})
	snapshot := sampleAt(t, f.sensor(), 100)
	if inside, outside := processOf(t, snapshot, 10), processOf(t, snapshot, 11); inside.MountNS != "mnt:[2]" || outside.MountNS != "" {
		t.Errorf("%q and %q", inside.MountNS, outside.MountNS)
	}
}
