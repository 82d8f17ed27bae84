package gpu

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func temp() model.OriginKey {
	return model.OriginKey{Origin: model.OriginTemp, Isolation: model.IsolationHost}
}

// host is a procfs and a root made of files.
type host struct {
	t          *testing.T
	proc, root string
	holders    *Holders
}

func newHost(t *testing.T, devices ...string) *host {
	t.Helper()
	h := &host{t: t, proc: t.TempDir(), root: t.TempDir()}
	h.must(os.MkdirAll(filepath.Join(h.root, "dev/dri"), 0o755))
	for _, device := range devices {
		h.must(os.WriteFile(filepath.Join(h.root, device), nil, 0o600))
	}
	h.holders = New(h.proc, h.root)
	return h
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// open lets a process hold a device under a descriptor, with what its driver says.
func (h *host) open(pid, fd int, target, info string) {
	h.t.Helper()
	directory := filepath.Join(h.proc, fmt.Sprint(pid))
	h.must(os.MkdirAll(directory+"/fd", 0o755))
	h.must(os.MkdirAll(directory+"/fdinfo", 0o755))
	link := fmt.Sprintf("%s/fd/%d", directory, fd)
	os.Remove(link)
	h.must(os.Symlink(target, link))
	h.must(os.WriteFile(fmt.Sprintf("%s/fdinfo/%d", directory, fd), []byte(info), 0o644))
}

func (h *host) look(p *Process, pid int, born time.Time, now time.Time) *model.GPUUse {
	h.t.Helper()
	look, err := h.holders.Read(pid, p.From, true)
	h.must(err)
	return h.holders.Count(p, look, temp(), born, now)
}

func (h *host) total() float64 { return h.holders.Totals().Seconds[temp()] }

func timed(id int, engine string, seconds float64) string {
	return fmt.Sprintf("drm-driver:\ti915\ndrm-pdev:\t0000:00:02.0\ndrm-client-id:\t%d\ndrm-engine-%s:\t%.0f ns\n", id, engine, seconds*1e9)
}

func TestHostsWithoutAGPU(t *testing.T) {
	t.Parallel()
	for name, devices := range map[string][]string{
		"none": nil, "a card for a screen": {"dev/dri/card0"}, "others": {"dev/null", "dev/nvidia", "dev/nvidiax", "dev/dri/renderD", "dev/dri/by-path", "dev/nvidia-caps"},
	} {
		h := newHost(t, devices...)
		if h.holders.Begin(noon) || h.holders.Totals() != nil {
			t.Errorf("%s: it has a GPU", name)
		}
		h.must(os.WriteFile(filepath.Join(h.root, "dev/kfd"), nil, 0o600))
		if h.holders.Begin(noon.Add(time.Second)) {
			t.Errorf("%s: it looked again at once", name)
		}
		if !h.holders.Begin(noon.Add(lookPause)) || h.holders.Totals() == nil {
			t.Errorf("%s: a GPU that came is not seen", name)
		}
	}
	if New(t.TempDir(), t.TempDir()).Begin(noon) || New(t.TempDir(), "/does/not/exist").Begin(noon) {
		t.Error("a root without /dev has a GPU")
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	for device, compute := range map[string]bool{
		"/dev/nvidia0": false, "/dev/nvidiactl": false, "/dev/nvidia-modeset": false, "/dev/nvidia-uvm": true, "/dev/nvidia-uvm-tools": true, "/dev/kfd": true,
		"/dev/dri/renderD128": false, "/dev/dri/card1": false,
	} {
		h := newHost(t, "dev/kfd")
		h.holders.Begin(noon)
		h.open(10, 0, "/dev/null", "")
		h.open(10, 1, "socket:[7]", "")
		h.open(10, 4, device, infoFile)
		h.open(10, 5, device, infoFile)
		var p Process
		use := h.look(&p, 10, time.Time{}, noon)
		if use == nil || !slices.Equal(use.Devices, []string{device}) || use.Compute != compute || use.Seconds != 0 || !p.Holds() {
			t.Errorf("%s: %+v", device, use)
		}
	}
	h := newHost(t, "dev/kfd")
	h.holders.Begin(noon)
	for i, name := range []string{"/dev/nvidia", "/dev/nvidia0x", "/dev/dri/renderD12x", "/tmp/dev/kfd", "/dev/kfdx", "/dev/dri/renderD1234567", "anon_inode:[eventpoll]", "/dev/kfd (deleted)"} {
		h.open(11, i, name, infoI915)
	}
	if use := h.look(&Process{}, 11, time.Time{}, noon); use != nil {
		t.Errorf("other files: %+v", use)
	}
}

// TestTimes follows one client of each kind of driver.
func TestTimes(t *testing.T) {
	t.Parallel()
	h := newHost(t, "dev/dri/renderD128")
	h.holders.Begin(noon)
	const render = "/dev/dri/renderD128"
	at := func(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

	// What an old process did before is not counted, what it does then is, once for
	// two descriptors of one client.
	var old Process
	h.open(10, 3, render, timed(1, "render", 100))
	h.open(10, 4, render, timed(1, "render", 100))
	if use := h.look(&old, 10, time.Time{}, at(0)); use.Seconds != 0 || use.Compute {
		t.Errorf("at first: %+v", use)
	}
	h.open(10, 3, render, timed(1, "render", 106))
	h.open(10, 4, render, timed(1, "render", 106))
	if use := h.look(&old, 10, time.Time{}, at(10)); !near(use.Seconds, 6) || !near(use.Busy, 0.6) || use.BusySpan != 10*time.Second || use.Compute {
		t.Errorf("then: %+v", use)
	}
	// The child that inherited the client counts for nothing of it again.
	var child Process
	h.open(11, 3, render, timed(1, "render", 106))
	if use := h.look(&child, 11, at(1), at(10)); use.Seconds != 0 {
		t.Errorf("a shared client: %+v", use)
	}
	// A second client of the old process, opened since, counts from its beginning.
	h.open(10, 5, render, timed(2, "compute", 3))
	if use := h.look(&old, 10, time.Time{}, at(20)); !near(use.Seconds, 9) || !use.Compute {
		t.Errorf("a new client: %+v", use)
	}
	// A new process counts from its birth, but for no more than can be.
	var young Process
	h.open(12, 3, render, timed(3, "render", 4))
	if use := h.look(&young, 12, at(15), at(20)); !near(use.Seconds, 4) {
		t.Errorf("a new process: %+v", use)
	}
	var liar Process
	h.open(13, 3, render, timed(4, "render", 4e9))
	if use := h.look(&liar, 13, at(19), at(20)); use.Seconds > mostEngines {
		t.Errorf("more than there is: %+v", use)
	}
	before := h.total()
	// A value that goes back counts nothing until it is higher, or stays low.
	h.open(12, 3, render, timed(3, "render", 1))
	h.look(&young, 12, at(15), at(25))
	h.open(12, 3, render, timed(3, "render", 5))
	if use := h.look(&young, 12, at(15), at(30)); !near(use.Seconds, 5) {
		t.Errorf("after a dent: %+v", use)
	}
	h.open(12, 3, render, timed(3, "render", 1))
	h.look(&young, 12, at(15), at(40))
	h.look(&young, 12, at(15), at(101))
	h.open(12, 3, render, timed(3, "render", 3))
	if use := h.look(&young, 12, at(15), at(110)); !near(use.Seconds, 7) {
		t.Errorf("after a reset: %+v", use)
	}
	if !near(h.total(), before+3) {
		t.Errorf("in all %f, want %f", h.total(), before+3)
	}

	// xe tells cycles, and how many there were.
	var xe Process
	h.open(14, 3, render, infoXe)
	h.look(&xe, 14, time.Time{}, at(200))
	h.open(14, 3, render, strings.NewReplacer("rcs:\t500", "rcs:\t700", "ccs:\t0", "ccs:\t1000", "10000", "11000").Replace(infoXe))
	if use := h.look(&xe, 14, time.Time{}, at(210)); !near(use.Seconds, 12) || !near(use.Busy, 1.2) || !use.Compute {
		t.Errorf("xe: %+v", use)
	}
	h.open(14, 3, render, strings.NewReplacer("rcs:\t500", "rcs:\t900000", "10000", "11001").Replace(infoXe))
	if use := h.look(&xe, 14, time.Time{}, at(211)); !near(use.Seconds, 13) {
		t.Errorf("xe, more than there is: %+v", use)
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

// TestCountersOnlyGrow throws values at one client that no driver would write.
func TestCountersOnlyGrow(t *testing.T) {
	t.Parallel()
	h := newHost(t, "dev/dri/renderD128")
	h.holders.Begin(noon)
	var p Process
	last := 0.0
	for i, value := range []string{"5", "9223372036854775807", "0", "18446744073709551615", "-1", "x", "4611686018427387904", "7"} {
		h.open(10, 3, "/dev/dri/renderD128", "drm-driver: x\ndrm-client-id: 1\ndrm-engine-a: "+value+" ns\ndrm-cycles-b: "+value+"\ndrm-total-cycles-b: "+value+"\n")
		now := noon.Add(time.Duration(i*40) * time.Second)
		h.look(&p, 10, noon, now)
		if total := h.total(); total < last || total-last > 40*(mostEngines+1) || math.IsNaN(total) {
			t.Errorf("%s: from %f to %f", value, last, total)
		}
		last = h.total()
	}
}

func TestForgotten(t *testing.T) {
	t.Parallel()
	h := newHost(t, "dev/dri/renderD128")
	for i := range maxKnownClients + 10 {
		u, _ := parseInfo([]byte(timed(i, "render", 1)))
		h.holders.count(u, noon.Add(-time.Minute), noon)
	}
	if len(h.holders.clients) != maxKnownClients {
		t.Errorf("%d clients are kept", len(h.holders.clients))
	}
	h.holders.Begin(noon.Add(forgetAfter + time.Second))
	if len(h.holders.clients) != 0 {
		t.Errorf("%d clients are kept for ever", len(h.holders.clients))
	}
	var p Process
	h.open(10, 3, "/dev/dri/renderD128", infoI915)
	h.look(&p, 10, time.Time{}, noon)
	h.must(os.Remove(filepath.Join(h.proc, "10/fd/3")))
	if use := h.look(&p, 10, time.Time{}, noon.Add(time.Minute)); use != nil || p.Holds() {
		t.Errorf("it was closed: %+v", use)
	}
}

// TestManyDescriptors reads this process' own: a device behind thousands of others is
// found in later looks, also under another name than its own. A terminal stands for a GPU:
// its number is one of those that GPUs may have too.
func TestManyDescriptors(t *testing.T) {
	t.Parallel()
	limit := unix.Rlimit{}
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 4096 {
		t.Skip("not enough descriptors: ", limit.Cur)
	}
	for range 2500 {
		file, err := os.Open("/dev/null")
		if err != nil {
			t.Skip("not enough descriptors: ", err)
		}
		defer file.Close()
	}
	device, number := terminal(t)
	h := New("/proc", t.TempDir())
	h.devices.numbers = map[uint64]string{number: "/dev/kfd"}
	directory := fmt.Sprintf("/proc/%d/fd", os.Getpid())
	seen, looks, from := map[string]bool{}, 0, 0
	var found []string
	for {
		names, err := descriptors(directory, from)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			seen[name] = true
		}
		looks++
		look, err := h.Read(os.Getpid(), from, true)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, look.devices...)
		if len(names) < maxDescriptors {
			if look.next != 0 {
				t.Errorf("the last look goes on at %d", look.next)
			}
			break
		}
		if look.next <= from {
			t.Fatalf("look %d begins at %d, the next at %d", looks, from, look.next)
		}
		from = look.next
	}
	if !seen[fmt.Sprint(device.Fd())] || len(seen) < 2500 || looks < 3 {
		t.Errorf("%d descriptors in %d looks", len(seen), looks)
	}
	if !slices.Equal(found, []string{"/dev/kfd"}) {
		t.Errorf("the device was found as %v", found)
	}
}

// terminal opens a terminal of its own (pts(4)), and returns it with its device number.
func terminal(t *testing.T) (*os.File, uint64) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { slave.Close() })
	var stat unix.Stat_t
	if err := unix.Fstat(int(slave.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	return slave, stat.Rdev
}

// TestOtherNames has a node that is mounted under another name.
func TestOtherNames(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can make device nodes")
	}
	h := newHost(t)
	h.must(unix.Mknod(filepath.Join(h.root, "dev/dri/renderD128"), unix.S_IFCHR|0o600, int(unix.Mkdev(226, 128))))
	other := filepath.Join(h.root, "x")
	h.must(unix.Mknod(other, unix.S_IFCHR|0o600, int(unix.Mkdev(226, 128))))
	if !h.holders.Begin(noon) {
		t.Fatal("it has no GPU")
	}
	h.open(10, 3, other, infoI915)
	look, err := h.holders.Read(10, 0, true)
	if err != nil || !slices.Equal(look.devices, []string{"/dev/dri/renderD128"}) || len(look.clients) != 1 {
		t.Errorf("%+v, %v", look, err)
	}
	look, err = h.holders.Read(10, 0, false)
	if err != nil || len(look.devices) != 0 {
		t.Errorf("not thorough: %+v, %v", look, err)
	}
	h.open(10, 3, "/dev/null", "")
	if look, err = h.holders.Read(10, 0, true); err != nil || len(look.devices) != 0 {
		t.Errorf("/dev/null: %+v, %v", look, err)
	}
}
