package processes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// holdGPU has a process of a fake /proc hold a device, with what its driver says.
func (f *fakeProc) holdGPU(pid int, device, info string) {
	f.t.Helper()
	directory := filepath.Join(f.root, strconv.Itoa(pid), "fd")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Symlink(device, filepath.Join(directory, "3")); err != nil && !errors.Is(err, fs.ErrExist) {
		f.t.Fatal(err)
	}
	f.write(strconv.Itoa(pid)+"/fdinfo/3", info)
}

func gpuInfo(seconds float64) string {
	return fmt.Sprintf("drm-driver:\tamdgpu\ndrm-pdev:\t0000:0b:00.0\ndrm-client-id:\t41\ndrm-engine-compute:\t%.0f ns\n", seconds*1e9)
}

func gpuSensor(t *testing.T, f *fakeProc, devices ...string) *Sensor {
	t.Helper()
	root := t.TempDir()
	for _, device := range devices {
		name := filepath.Join(root, "dev", device)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(Options{Proc: f.root, Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGPUHolders has a miner from temp and a training job of the system on a host with
// GPUs, and on one without.
func TestGPUHolders(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	f.put(fakeProcess{pid: 2, start: 1, comm: "kthreadd"})
	f.put(fakeProcess{pid: 10, start: 1, comm: "python3", exe: "/usr/bin/python3", uid: 1000})
	f.put(fakeProcess{pid: 12, start: 1, comm: "idle", exe: "/usr/bin/idle"}) // its descriptors cannot be listed: there are none
	f.holdGPU(10, "/dev/nvidia-uvm", "")
	without := sampleAt(t, gpuSensor(t, f, "dri/card0", "null"), 100)
	if without.GPU != nil || processOf(t, without, 10).GPU != nil {
		t.Errorf("a host without a GPU: %+v, %+v", without.GPU, processOf(t, without, 10).GPU)
	}

	s := gpuSensor(t, f, "nvidia-uvm", "dri/renderD128")
	first := sampleAt(t, s, 100)
	if first.GPU == nil || len(first.GPU.Seconds) > 1 {
		t.Fatalf("no counters at the first sample: %+v", first.GPU)
	}
	if use := processOf(t, first, 10).GPU; use == nil || !use.Compute || use.Seconds != 0 {
		t.Errorf("training: %+v", use)
	}
	f.put(fakeProcess{pid: 11, start: 102, comm: "x", exe: "/tmp/x", uid: 1001})
	f.holdGPU(11, "/dev/dri/renderD128", gpuInfo(2))
	sampleAt(t, s, 105)
	f.holdGPU(11, "/dev/dri/renderD128", gpuInfo(12))
	last := sampleAt(t, s, 115)
	use := processOf(t, last, 11).GPU
	if use == nil || !slices.Equal(use.Devices, []string{"/dev/dri/renderD128"}) || !use.Compute || use.Seconds != 12 || use.Busy != 1 || use.BusySpan != 10*time.Second {
		t.Errorf("the miner: %+v", use)
	}
	temp := model.OriginKey{Origin: model.OriginTemp, Isolation: model.IsolationHost}
	if got := last.GPU.Seconds[temp]; got != 12 {
		t.Errorf("%.1f s of temp, want 12", got)
	}
	if processOf(t, last, 2).GPU != nil || processOf(t, last, 12).GPU != nil {
		t.Error("others hold a GPU")
	}
	f.remove(11)
	if got := sampleAt(t, s, 120).GPU.Seconds[temp]; got != 12 {
		t.Errorf("after its end: %.1f s", got)
	}
}

// TestGPUTurns holds that every process is looked at within the cycle, the suspicious
// and the holders before all others.
func TestGPUTurns(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	for pid := 10; pid < 130; pid++ {
		f.put(fakeProcess{pid: pid, start: 1, comm: "p", exe: "/usr/bin/p"})
		f.holdGPU(pid, "/dev/null", "")
	}
	s := gpuSensor(t, f, "kfd")
	s.gpuLeast = time.Minute // a busy machine has the turns in time
	sampleAt(t, s, 100)
	for pid := 10; pid < 130; pid++ {
		f.holdGPU(pid, "/dev/null", "")
		os.Remove(filepath.Join(f.root, strconv.Itoa(pid), "fd/3"))
		f.holdGPU(pid, "/dev/kfd", "")
	}
	f.put(fakeProcess{pid: 200, start: 101, comm: "x", exe: "/tmp/x"})
	f.holdGPU(200, "/dev/kfd", "")
	held := func(at float64) (count int) {
		snapshot := sampleAt(t, s, at)
		for _, p := range snapshot.Processes {
			if p.GPU != nil && p.PID != 200 {
				count++
			}
		}
		if processOf(t, snapshot, 200).GPU == nil {
			t.Errorf("at %.0f s: the one from temp was not looked at", at)
		}
		return count
	}
	if got := held(105); got != 0 {
		t.Errorf("%d of those that are not due were looked at", got)
	}
	for i, at := range []float64{130, 135, 140, 145, 150, 155} {
		if got, want := held(at), 21*(i+1); got == 0 || got > want {
			t.Errorf("at %.0f s: %d were looked at, want at most %d", at, got, want)
		}
	}
	if got := held(165); got != 120 {
		t.Errorf("%d of 120 were looked at within the cycle", got)
	}
}

// TestGPUUnreadable has descriptors that nobody may list.
func TestGPUUnreadable(t *testing.T) {
	t.Parallel()
	f := newFakeProc(t)
	f.put(fakeProcess{pid: 10, start: 1, comm: "x", exe: "/tmp/x"})
	f.write("10/fd", "not a directory")
	s := gpuSensor(t, f, "kfd")
	sampleAt(t, s, 100)
	sampleAt(t, s, 140)
	last := sampleAt(t, s, 180)
	if use := processOf(t, last, 10).GPU; use == nil || use.Unread == "" || len(use.Devices) != 0 {
		t.Errorf("%+v", use)
	}
	counted := uint64(0)
	for failure, count := range last.ReadErrors {
		if failure.Aspect == model.AspectFd {
			counted += count
		}
	}
	if counted == 0 || counted > 4 { // the inspection lists them too
		t.Errorf("%d failures were counted", counted)
	}
}

// BenchmarkGPUs looks for holders among 30,000 processes with four descriptors each.
func BenchmarkGPUs(b *testing.B) {
	f := newFakeProc(b)
	for pid := range 30_000 {
		directory := filepath.Join(f.root, strconv.Itoa(pid+10), "fd")
		if err := os.MkdirAll(directory, 0o755); err != nil {
			b.Fatal(err)
		}
		for fd := range 4 {
			if err := os.Symlink("/dev/null", filepath.Join(directory, strconv.Itoa(fd))); err != nil {
				b.Fatal(err)
			}
		}
	}
	root := b.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "dev"), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "dev/kfd"), nil, 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := New(Options{Proc: f.root, Root: root})
	if err != nil {
		b.Fatal(err)
	}
	sample := newSample(s.table, after(100), time.Second)
	sample.gpuTurns, sample.gpuTime = 1, time.Hour
	for pid := range 30_000 {
		e := &entry{process: &model.Process{}}
		e.process.PID, e.process.Origin = pid+10, model.OriginSystem
		sample.list = append(sample.list, e)
	}
	for b.Loop() {
		for _, e := range sample.list {
			e.gpu = nil
		}
		s.reads.Begin(sample.now)
		sample.readGPUs()
	}
}
