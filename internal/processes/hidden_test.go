package processes

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/procevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const mounts = `21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
22 21 0:5 / /proc rw,nosuid - proc proc rw
nonsense
23 22 0:6 /empty %s/70 rw - tmpfs none rw
24 22 0:5 /71 /proc/71/stat rw shared:7 - proc proc rw
25 22 0:5 /sys /proc/sys ro - proc proc rw
26 21 0:5 / /srv/proc/72 ro - proc proc rw
`

// TestHiddenByMount hides two processes, one that was seen before and one that
// was not. What is shown in their place is another's.
func TestHiddenByMount(t *testing.T) {
	t.Parallel()
	proc := newFakeProc(t)
	sensor := proc.sensor()
	now, used := 100.0, map[int]float64{70: 1, 71: 2}
	sensor.options.Ask = func(pid int) (procevents.Account, error) {
		if pid > 71 {
			return procevents.Account{}, unix.ESRCH
		}
		return procevents.Account{
			PID: pid, TGID: pid, PPID: 1, Comm: "early", UID: 7, Elapsed: time.Duration((now - 50) * float64(time.Second)),
			CPU: time.Duration(used[pid] * float64(time.Second)),
		}, nil
	}
	proc.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/sbin/init"})
	proc.put(fakeProcess{pid: 70, ppid: 1, start: 50, comm: "seen", exe: "/opt/seen", used: 1})
	sampleAt(t, sensor, now)

	proc.put(fakeProcess{pid: 70, ppid: 1, start: 2, comm: "another", exe: "/usr/bin/another", used: 900})
	proc.put(fakeProcess{pid: 72, ppid: 1, start: 60, comm: "open", exe: "/opt/open"})
	proc.write("self/mountinfo", fmt.Sprintf(mounts, proc.root))
	var snapshot *model.ProcessSnapshot
	for range 15 {
		now += 5
		used[70] += 4
		proc.setBusy(used[70] - 1)
		snapshot = sampleAt(t, sensor, now)
	}
	seen := processOf(t, snapshot, 70)
	if seen.Exe != "/opt/seen" || seen.HiddenBy != "tmpfs /empty" || seen.CPUSeconds != 61 || seen.Cores < 0.79 || seen.Cores > 0.81 {
		t.Errorf("known before it was hidden: %+v", seen)
	}
	early := processOf(t, snapshot, 71)
	if early.Comm != "early" || early.HiddenBy != "proc /71" || early.Origin != model.OriginUnreadable || early.User != "user7" || early.Parent == nil || early.Parent.PID != 1 {
		t.Errorf("hidden from the first: %+v", early)
	}
	if open := processOf(t, snapshot, 72); open.HiddenBy != "" {
		t.Errorf("not hidden: %+v", open)
	}
	// Their time has no owner in /proc, and is reported as such.
	if snapshot.Unattributed < 59 || attributed(snapshot) > 1 {
		t.Errorf("%.1f s unattributed, %.1f s attributed", snapshot.Unattributed, attributed(snapshot))
	}

	proc.write("self/mountinfo", "")
	proc.put(fakeProcess{pid: 70, ppid: 1, start: 50, comm: "seen", exe: "/opt/seen", used: used[70] + 1})
	snapshot = sampleAt(t, sensor, now+5)
	if back := processOf(t, snapshot, 70); back.HiddenBy != "" || back.CPUSeconds != 62 || attributed(snapshot) > 2 {
		t.Errorf("the mount is gone: %+v, %.1f s attributed", back, attributed(snapshot))
	}
	if len(snapshot.Processes) != 3 {
		t.Errorf("71 was seen through a mount only, and is not there: %d processes", len(snapshot.Processes))
	}
}

// TestHiddenFromTheFirst reads what such a process runs where nothing hides it.
func TestHiddenFromTheFirst(t *testing.T) {
	t.Parallel()
	proc, private := newFakeProc(t), newFakeProc(t)
	exe := program(t, "x", "not really")
	sensor := proc.sensor()
	sensor.options.PrivateProcfs = private.root
	sensor.options.Ask = func(pid int) (procevents.Account, error) {
		return procevents.Account{PID: pid, TGID: pid, PPID: 1, Comm: "x", UID: 7, Elapsed: time.Minute}, nil
	}
	proc.put(fakeProcess{pid: 1, start: 1, comm: "init", exe: "/usr/sbin/init"})
	proc.write("self/mountinfo", fmt.Sprintf("23 22 0:6 / %s/70 rw - tmpfs none rw\n", proc.root))
	private.put(fakeProcess{pid: 70, ppid: 1, start: 50, comm: "x", exe: exe, argv: []string{"[kworker/0:1]"}})
	got := processOf(t, sampleAt(t, sensor, 110), 70)
	if got.Exe != exe || got.Origin != model.OriginTemp || len(got.SHA256) != 64 || got.HiddenBy == "" || len(got.Argv) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestMostAreNotListed: without the kernel's list, a /proc that does not even show process 1 shows little of the host.
func TestMostAreNotListed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first int
		want  model.Share
	}{
		"hidepid":   {40, model.Share{Readable: 1, Total: 48}},
		"all there": {1, model.Share{Readable: 1, Total: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proc := newFakeProc(t)
			proc.put(fakeProcess{pid: test.first, start: 1, comm: "own", exe: "/usr/bin/own", threads: 3})
			proc.write("loadavg", "0.00 0.01 0.05 1/50 999\n")
			if got := sampleAt(t, proc.sensor(), 100).Visibility[model.AspectStat]; got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}
