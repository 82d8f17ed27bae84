package processes

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFirstArgumentIsExe has compilers of a chroot, whose names are links of root's that
// are absolute there, and an intruder who makes such a link in a directory of his own.
func TestFirstArgumentIsExe(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can make links that belong to root")
	}
	chroot := t.TempDir() // below /tmp, as those of OBS and sbuild
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, directory := range []string{"usr/bin", "etc/alternatives", "mine"} {
		must(os.MkdirAll(filepath.Join(chroot, directory), 0o755))
	}
	compiler := filepath.Join(chroot, "usr/bin/x86_64-linux-gnu-g++-12")
	must(os.WriteFile(compiler, []byte("g++"), 0o755))
	must(os.WriteFile(filepath.Join(chroot, "usr/bin/sshd"), []byte("sshd"), 0o755))
	must(os.Symlink("/etc/alternatives/c++", filepath.Join(chroot, "usr/bin/c++")))
	must(os.Symlink("/usr/bin/x86_64-linux-gnu-g++-12", filepath.Join(chroot, "etc/alternatives/c++")))
	must(os.Symlink(compiler, filepath.Join(chroot, "usr/bin/outside"))) // leads nowhere in the chroot
	must(os.Symlink("/usr/bin/x86_64-linux-gnu-g++-12", filepath.Join(chroot, "mine/sshd")))
	must(os.Lchown(filepath.Join(chroot, "mine/sshd"), 1000, 1000))
	must(unix.Mkfifo(filepath.Join(chroot, "usr/bin/fifo"), 0o644))

	f := newFakeProc(t)
	cases := []struct {
		first string
		want  bool
	}{
		{"/usr/bin/c++", true},
		{"/usr/bin/../bin//c++", true},
		{"/usr/bin/sshd", false},
		{"/usr/bin/outside", false},
		{"/usr/bin/missing", false},
		{"/usr/bin/fifo", false},
		{"/usr/bin", false},
		{"/mine/sshd", false},
		{"c++", false},
		{"", false},
	}
	for i, test := range cases {
		pid := 10 + i
		f.put(fakeProcess{pid: pid, start: 1, comm: "c++", exe: compiler, argv: []string{test.first, "x.cc"}, uid: 1000})
		must(os.Symlink(chroot, filepath.Join(f.root, strconv.Itoa(pid), "root")))
	}
	last := sampleAt(t, f.sensor(), 100)
	for i, test := range cases {
		if got := processOf(t, last, 10+i).ArgvIsExe; got != test.want {
			t.Errorf("%q: %v, want %v", test.first, got, test.want)
		}
	}

	// Another program under the same name is asked anew.
	s := f.sensor()
	sampleAt(t, s, 100)
	must(os.Remove(filepath.Join(f.root, "10/exe")))
	must(os.Symlink(filepath.Join(chroot, "usr/bin/sshd"), filepath.Join(f.root, "10/exe")))
	if processOf(t, sampleAt(t, s, 110), 10).ArgvIsExe {
		t.Error("sshd is said to be c++")
	}
}
