package taskiter

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const testPageSize = 4096

func processRecord(pid, threads int32, runTime, ended uint64) tasksProcess {
	return tasksProcess{
		Head:    tasksHead{Kind: kindProcess, Size: uint16(processSize), Pid: pid, RunTime: runTime, ThreadsEnded: ended},
		Threads: threads,
	}
}

func threadRecord(pid int32, runTime, ended uint64) tasksHead {
	return tasksHead{Kind: kindThread, Size: uint16(headSize), Pid: pid, RunTime: runTime, ThreadsEnded: ended}
}

func bytesOf(t testing.TB, records ...any) []byte {
	t.Helper()
	var all bytes.Buffer
	for _, record := range records {
		if err := binary.Write(&all, binary.NativeEndian, record); err != nil {
			t.Fatal(err)
		}
	}
	return all.Bytes()
}

// read gives the tasks by pid.
func read(t testing.TB, from io.Reader) (map[int32]Task, error) {
	t.Helper()
	tasks := map[int32]Task{}
	err := newPass(testPageSize).read(from, func(task *Task) {
		if _, again := tasks[task.PID]; again {
			t.Errorf("process %d is given twice", task.PID)
		}
		tasks[task.PID] = *task
	})
	return tasks, err
}

// TestThreadsAreAdded: to their process, wherever their records are.
func TestThreadsAreAdded(t *testing.T) {
	t.Parallel()
	data := bytesOf(
		t,
		threadRecord(20, 7, 0), // its number is below that of its process
		processRecord(10, 3, 100, 50),
		threadRecord(10, 10, 50),
		processRecord(11, 1, 5, 6),
		processRecord(20, 2, 1000, 0),
		threadRecord(10, 20, 50),
		threadRecord(12, 9, 0), // its process has ended
		threadRecord(11, 9, 0), // it has just begun
	)
	type times struct{ Run, Ended uint64 }
	for name, reader := range map[string]io.Reader{
		"at once": bytes.NewReader(data), "byte by byte": iotest.OneByteReader(bytes.NewReader(data)), "with the end": iotest.DataErrReader(bytes.NewReader(data)),
	} {
		tasks, err := read(t, reader)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := map[int32]times{}
		for pid, task := range tasks {
			got[pid] = times{task.RunTime, task.ThreadsEnded}
		}
		want := map[int32]times{10: {180, 50}, 11: {11, 6}, 20: {1007, 0}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestThreadEndsDuringThePass: it never counts twice. It was counted as living first, and
// is among the ended ones when the others are read.
func TestThreadEndsDuringThePass(t *testing.T) {
	t.Parallel()
	tasks, err := read(t, bytes.NewReader(bytesOf(
		t,
		threadRecord(10, 30, 0), // ends now
		processRecord(10, 2, 100, 30),
		threadRecord(10, 5, 30),
	)))
	if err != nil {
		t.Fatal(err)
	}
	if got := tasks[10].RunTime; got != 135 {
		t.Errorf("run time is %d, want 135", got)
	}
}

// TestEveryFieldIsGiven: each field of a record comes out of a different field.
func TestEveryFieldIsGiven(t *testing.T) {
	t.Parallel()
	record := tasksProcess{
		Head:      tasksHead{Kind: kindProcess, Size: uint16(processSize), Pid: 1, RunTime: 2, ThreadsEnded: 3},
		StartTime: 4, ChildrenTime: 5, RssPages: 6, ExecId: 7, ExeInode: 8, Cgroup: 9, Cgroups: 10, Ppid: 11, Flags: 12, Threads: 1,
		Policy: 14, Nice: -15, Uid: 16, Tty: 17, Session: 18, ExitState: 19, State: 20, ExeDevice: 21, ExeLinks: 22, ExeName: 23,
		MountNs: 24, NetNs: 25, PidNs: 26, Missing: 27, Comm: [16]byte{0xff, 'a'},
	}
	tasks, err := read(t, bytes.NewReader(bytesOf(t, record)))
	if err != nil {
		t.Fatal(err)
	}
	want := Task{
		PID: 1, PPID: 11, Flags: 12, Threads: 1, StartTime: 4, RunTime: 5, ThreadsEnded: 3, ChildrenTime: 5, Policy: 14, Nice: -15, UID: 16,
		TTY: 17, Session: 18, ExitState: 19, State: 20, RSS: 6 * testPageSize, ExecID: 7, ExeDevice: 21, ExeInode: 8, ExeLinks: 22, ExeName: 23,
		MountNS: 24, NetNS: 25, PIDNS: 26, Cgroup: 9, Cgroups: 10, Comm: [16]byte{0xff, 'a'}, Missing: 27,
	}
	if diff := cmp.Diff(want, tasks[1]); diff != "" {
		t.Error(diff)
	}
}

// TestMalformed: what is none of our records ends the pass with an error that says why.
func TestMalformed(t *testing.T) {
	t.Parallel()
	whole := bytesOf(t, processRecord(1, 1, 0, 0))
	large := tasksHead{Kind: kindThread, Size: 0xffff, Pid: 1}
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"cut in the head":     {whole[:headSize-1], "cut off after 23 bytes"},
		"cut after the head":  {whole[:headSize+1], "cut off after 25 bytes"},
		"unknown kind":        {make([]byte, headSize), "kind 0 with 0 bytes"},
		"longer than it is":   {bytesOf(t, large), "kind 2 with 65535 bytes"},
		"process of 24 bytes": {bytesOf(t, tasksHead{Kind: kindProcess, Size: uint16(headSize)}), "none of ours"},
		"a process twice":     {append(bytes.Clone(whole), whole...), "process 1 comes after 1"},
		"process 0":           {bytesOf(t, processRecord(0, 1, 0, 0)), "process 0 comes after 0"},
	} {
		if _, err := read(t, bytes.NewReader(test.data)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q in it", name, err, test.want)
		}
	}
	if _, err := read(t, iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(whole)))); err == nil {
		t.Error("an error of the kernel is lost")
	}
}

func FuzzPass(f *testing.F) {
	f.Add(bytesOf(f, processRecord(1, 2, 3, 4), threadRecord(1, 5, 6), processRecord(2, 1, 1, 1)), true)
	f.Add(bytesOf(f, threadRecord(7, 5, 6), processRecord(7, 2, 3, 4))[:40], false)
	f.Fuzz(func(t *testing.T, data []byte, split bool) {
		var reader io.Reader = bytes.NewReader(data)
		if split {
			reader = iotest.HalfReader(reader)
		}
		tasks, err := read(t, reader)
		if err == nil && len(tasks)*processSize > len(data) {
			t.Errorf("%d processes of %d bytes", len(tasks), len(data))
		}
	})
}
