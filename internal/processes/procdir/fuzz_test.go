package procdir

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/containers"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// mangle writes a name as the kernel does in mountinfo (show_mountinfo in fs/proc_namespace.c).
func mangle(name string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(name)
}

// FuzzMountinfo: whoever mounts something chooses the names. Whatever these hold, the line is read as the kernel meant
// it, and what is mounted over a process is seen.
func FuzzMountinfo(f *testing.F) {
	f.Add("/", "/proc/7", "tmpfs", "", "rw,size=1k", "shared:1", "")
	f.Add("/a b\t\n\\040", "/proc/7/exe", "fuse.x", "none", "rw", "", "x\n1 2 3\n")
	f.Add("/\r- \v", "/proc/7", "overlay", "o", "rw,upperdir=/dev/shm/u", "master:1", "36 35 98:0 / / -")
	f.Add("/a\u2003b", "/proc/7", "ext4", "/dev/sda", "rw", "", "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n")
	proc := f.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "self"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, root, point, kind, source, super, optional, noise string) {
		for _, name := range []string{root, point, kind, super} {
			if name == "" || strings.ContainsRune(name, 0) {
				t.Skip("no file has such a name")
			}
		}
		if strings.ContainsAny(optional, " \t\n") || optional == "-" {
			t.Skip("the kernel alone writes it")
		}
		fields := []string{"36", "35", "98:0", mangle(root), mangle(point), "rw"}
		if optional != "" {
			fields = append(fields, optional)
		}
		fields = append(fields, "-", mangle(kind), mangle(source), mangle(super))
		want := hostfs.Mount{Device: "98:0", Root: root, Point: point, Kind: kind, Super: super}
		content := strings.ReplaceAll(noise, "\n", " ") + "\n" + strings.Join(fields, " ") + "\n" + noise
		if err := os.WriteFile(filepath.Join(proc, "self/mountinfo"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		r := &Reader{Proc: proc, Errors: map[model.ReadError]uint64{}}
		if mounts, err := r.mounts("self"); err != nil || !slices.Contains(slices.Collect(mounts), want) {
			t.Errorf("%q of %q: %v", fields, content, err)
		}
		covered := r.Covered()
		if len(covered) > maxHidden || len(covered) > strings.Count(content, "\n")+1 {
			t.Errorf("%d processes of %q", len(covered), content)
		}
		pid, over := r.covers(point)
		if _, seen := covered[pid]; over && !seen {
			t.Errorf("what is mounted at %q is not seen in %q", point, content)
		}
		r.HidesOthers()
	})
}

// FuzzFacts: status and cgroup of a process. The kernel escapes names in status; cgroups are called as anybody
// likes who may make one.
func FuzzFacts(f *testing.F) {
	const status = "Name:\tkdevtmpfsi\nUmask:\t0022\nState:\tR (running)\nTgid:\t7\nNgid:\t0\nPid:\t7\nPPid:\t1\nTracerPid:\t0\nUid:\t33\t33\t33\t33\nGid:\t33\t33\t33\t33\nFDSize:\t64\nGroups:\t33 \nNStgid:\t7\nNSpid:\t7\nNSpgid:\t7\nNSsid:\t7\nVmPeak:\t2396176 kB\nThreads:\t4\n"
	f.Add([]byte(status), []byte("0::/system.slice/cron.service\n"))
	f.Add([]byte("Uid:\t4294967295\t0\nNSpid:\t7\t1\n"), []byte("12:cpu,cpuacct:/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n1:name=systemd:/a:b\n0::/\n"))
	f.Add([]byte("Uid:\n"), []byte("x:y\n::\n"))
	proc := f.TempDir()
	directory := filepath.Join(proc, "7")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status, cgroup []byte) {
		for name, content := range map[string][]byte{"status": status, "cgroup": cgroup} {
			if err := os.WriteFile(filepath.Join(directory, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		fs, err := procfs.NewFS(proc)
		if err != nil {
			t.Fatal(err)
		}
		process, err := fs.Proc(7)
		if err != nil {
			t.Fatal(err)
		}
		r := &Reader{Proc: proc, Errors: map[model.ReadError]uint64{}}
		facts, err := r.Facts(process, Namespaces{})
		if len(facts.Cgroup) > len(cgroup)+1 || facts.Isolation != model.IsolationHost && facts.Isolation != model.IsolationContainer {
			t.Errorf("%+v", facts)
		}
		if err == nil && facts.UID != 0 && !strings.Contains(string(status), strconv.FormatUint(uint64(facts.UID), 10)) && !strings.Contains(string(status), "Uid:") {
			t.Errorf("user %d of %q", facts.UID, status)
		}
		if (containers.ID(facts.Cgroup) != "") && facts.Isolation != model.IsolationContainer {
			t.Errorf("%+v", facts)
		}
		r.IsOwnNamespace(7)
	})
}

// FuzzDirectoryEntries: entries of getdents(2), of which a FUSE procfs in place of the real one may say anything.
func FuzzDirectoryEntries(f *testing.F) {
	entry := func(name string) []byte {
		length := (19 + len(name) + 1 + 7) &^ 7
		entry := make([]byte, length)
		entry[16], entry[17] = byte(length), byte(length>>8)
		copy(entry[19:], name)
		return entry
	}
	f.Add(slices.Concat(entry("."), entry("1"), entry("self"), entry("4194304"), entry("99999999999999999999")))
	f.Add([]byte{16: 20, 19: '7'})
	f.Fuzz(func(t *testing.T, entries []byte) {
		pids := appendPIDs(nil, entries)
		if len(pids) > len(entries)/20 {
			t.Errorf("%d processes in %d bytes", len(pids), len(entries))
		}
		for _, pid := range pids {
			if pid <= 0 || !strings.Contains(string(entries), strconv.Itoa(pid)) && !strings.Contains(string(entries), "0"+strconv.Itoa(pid)) {
				t.Errorf("process %d", pid)
			}
		}
	})
}
