package packages

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// host is a fake root.
type host struct {
	t    *testing.T
	root string
}

func newHost(t *testing.T) host {
	t.Helper()
	return host{t, t.TempDir()}
}

// write makes a file, and the directories above it.
func (h host) write(name, content string) {
	h.t.Helper()
	name = filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h host) link(target, name string) {
	h.t.Helper()
	if err := os.Symlink(target, filepath.Join(h.root, name)); err != nil {
		h.t.Fatal(err)
	}
}

// program is the file at a path, as a process that runs it has it.
func (h host) program(name string) model.ProgramFile {
	h.t.Helper()
	var stat unix.Stat_t
	if err := unix.Stat(filepath.Join(h.root, name), &stat); err != nil {
		h.t.Fatal(err)
	}
	return model.ProgramFile{Path: name, File: model.FileID{Dev: stat.Dev, Inode: stat.Ino}}
}

// ask asks about one path.
func (h host) ask(name string) model.PackageFact {
	h.t.Helper()
	p := h.program(name)
	q := question{root: h.root, databases: databases(), programs: []model.ProgramFile{p}, contents: &contents{known: map[contentKey]string{}}, scan: true}
	answer, err := q.ask()
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.facts[p]
}

func md5Of(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}

// debian is a host with /usr merged and a few packages.
func debian(t *testing.T) host {
	h := newHost(t)
	for _, name := range []string{
		"/usr/bin/env", "/usr/bin/sh", "/usr/bin/worker", "/usr/bin/made", "/usr/bin/added", "/usr/bin/tool", "/usr/bin/tool.moved",
		"/usr/bin/tool.first", "/usr/bin/mine", "/usr/bin/mine.distrib", "/usr/sbin/daemon", "/usr/bin/both", "/opt/vendor/agent",
	} {
		h.write(name, "content of "+name)
	}
	h.link("usr/bin", "/bin")
	h.link("usr/sbin", "/sbin")
	h.write("/var/lib/dpkg/status", "Package: coreutils\nStatus: install ok installed\n")
	pkg := func(name string, list []string, sums map[string]string) {
		h.write("/var/lib/dpkg/info/"+name+".list", "/.\n/usr\n"+strings.Join(list, "\n")+"\n")
		if sums == nil {
			return
		}
		var text strings.Builder
		for file, content := range sums {
			text.WriteString(md5Of(content) + "  " + file + "\n")
		}
		h.write("/var/lib/dpkg/info/"+name+".md5sums", text.String())
	}
	pkg("coreutils", []string{"/usr/bin/env"}, map[string]string{"usr/bin/env": "content of /usr/bin/env"})
	pkg("dash:amd64", []string{"/bin/sh", "/sbin/daemon"}, map[string]string{"bin/sh": "content of /usr/bin/sh", "sbin/daemon": "another content"})
	pkg("worker", []string{"/usr/bin/worker", "/usr/bin/made"}, map[string]string{"usr/bin/worker": "content of /usr/bin/worker"})
	pkg("nosums", []string{"/usr/bin/both"}, nil)
	pkg("vendor", []string{"/opt/vendor/agent"}, map[string]string{"opt/vendor/agent": "older content"})
	// tool-new has moved the tool of tool-old aside; whoever looks after the host that of mine.
	pkg("tool-old", []string{"/usr/bin/tool"}, map[string]string{"usr/bin/tool": "content of /usr/bin/tool.moved"})
	pkg("tool-new", []string{"/usr/bin/tool", "/usr/bin/tool.first"}, map[string]string{"usr/bin/tool": "content of /usr/bin/tool"})
	pkg("mine", []string{"/usr/bin/mine"}, map[string]string{"usr/bin/mine": "content of /usr/bin/mine.distrib"})
	h.write("/var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.moved\ntool-new\n/usr/bin/mine\n/usr/bin/mine.distrib\n:\n")
	return h
}

func TestDpkg(t *testing.T) {
	t.Parallel()
	h := debian(t)
	for name, want := range map[string]model.PackageFact{
		"/usr/bin/env":          {State: model.PackageUnaltered, Name: "coreutils"},
		"/usr/bin/sh":           {State: model.PackageUnaltered, Name: "dash"}, // its package calls it /bin/sh
		"/usr/sbin/daemon":      {State: model.PackageAltered, Name: "dash"},
		"/usr/bin/worker":       {State: model.PackageUnaltered, Name: "worker"},
		"/usr/bin/made":         {State: model.PackageUnchecked, Name: "worker"},
		"/usr/bin/both":         {State: model.PackageUnchecked, Name: "nosums"},
		"/usr/bin/added":        {State: model.PackageUnowned},
		"/opt/vendor/agent":     {State: model.PackageAltered, Name: "vendor"},
		"/usr/bin/tool":         {State: model.PackageUnaltered, Name: "tool-new"},
		"/usr/bin/tool.moved":   {State: model.PackageUnaltered, Name: "tool-old"},
		"/usr/bin/mine":         {State: model.PackageUnowned}, // a local diversion: it is nobody's
		"/usr/bin/mine.distrib": {State: model.PackageUnaltered, Name: "mine"},
		"/usr/bin/tool.first":   {State: model.PackageUnchecked, Name: "tool-new"},
	} {
		got := h.ask(name)
		if got.State != want.State || got.Name != want.Name || got.Name != "" && got.Manager != "dpkg" {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		if got.Changed.IsZero() || got.LastChange.IsZero() {
			t.Errorf("%s: no times: %+v", name, got)
		}
	}
}

// TestNothingIsClaimed: what is not known is said to be unknown, never unowned.
func TestNothingIsClaimed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mend func(h host)
		want string
	}{
		"no database":            {func(h host) { os.RemoveAll(filepath.Join(h.root, "/var/lib/dpkg")) }, whyNoDatabase},
		"an empty one":           {func(h host) { h.clear("/var/lib/dpkg/info") }, whyNoDatabase},
		"one of single packages": {func(h host) { os.Remove(filepath.Join(h.root, "/var/lib/dpkg/info/coreutils.list")) }, whyNoDatabase},
		"sums alone, as distroless": {func(h host) {
			h.clear("/var/lib/dpkg/info")
			h.write("/var/lib/dpkg/status.d/x.md5sums", md5Of("x")+"  usr/bin/x\n")
		}, whyNoDatabase},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := debian(t)
			test.mend(h)
			if got := h.ask("/usr/bin/added"); got.State != model.PackageUnknown || got.Why != test.want {
				t.Errorf("got %+v", got)
			}
		})
	}
	t.Run("another file than that of the host", func(t *testing.T) {
		t.Parallel()
		h := debian(t)
		p := h.program("/usr/bin/sh")
		p.Path = "/usr/bin/env"
		answer, err := question{root: h.root, databases: databases(), programs: []model.ProgramFile{p}, contents: &contents{}, scan: true}.ask()
		if got := answer.facts[p]; err != nil || got.State != model.PackageUnknown || got.Why != whyOtherFile {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("a database that cannot be read", func(t *testing.T) {
		t.Parallel()
		h := debian(t)
		os.Remove(filepath.Join(h.root, "/var/lib/dpkg/info/worker.list"))
		if err := unix.Mkfifo(filepath.Join(h.root, "/var/lib/dpkg/info/worker.list"), 0o644); err != nil {
			t.Skip("no FIFO can be made: ", err)
		}
		p := h.program("/usr/bin/added")
		answer, err := question{root: h.root, databases: databases(), programs: []model.ProgramFile{p}, contents: &contents{}, scan: true}.ask()
		if err == nil {
			t.Errorf("got %+v", answer.facts)
		}
	})
}

func (h host) clear(name string) {
	h.t.Helper()
	name = filepath.Join(h.root, name)
	if err := os.RemoveAll(name); err != nil {
		h.t.Fatal(err)
	}
	if err := os.MkdirAll(name, 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// TestSpecialHosts: where programs change for reasons of their own, nothing is made of it.
func TestSpecialHosts(t *testing.T) {
	t.Parallel()
	h := debian(t)
	h.write("/etc/prelink.cache", "")
	h.write("/run/ostree-booted", "")
	if got := h.ask("/usr/sbin/daemon"); got.State != model.PackageUnchecked || got.Why != whyPrelinked {
		t.Errorf("a prelinked program is %+v", got)
	}
	if got := h.ask("/usr/bin/added"); got.State != model.PackageUnowned || got.AfterLastChange() {
		t.Errorf("below ostree: %+v", got)
	}
}

// TestNotMerged: where /bin is a directory of its own, /bin/sh is not /usr/bin/sh.
func TestNotMerged(t *testing.T) {
	t.Parallel()
	h := debian(t)
	os.Remove(filepath.Join(h.root, "/bin"))
	h.write("/bin/sh", "content of /usr/bin/sh")
	if got := h.ask("/bin/sh"); got.State != model.PackageUnaltered {
		t.Errorf("/bin/sh is %+v", got)
	}
	if got := h.ask("/usr/bin/sh"); got.State != model.PackageUnowned {
		t.Errorf("/usr/bin/sh is %+v", got)
	}
}

// TestDistroless reads what such images have.
func TestDistroless(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("/usr/bin/x", "x")
	h.write("/usr/bin/y", "y")
	h.write("/var/lib/dpkg/status.d/x", "Package: x\n")
	h.write("/var/lib/dpkg/status.d/x.md5sums", md5Of("x")+"  usr/bin/x\n"+md5Of("z")+"  usr/bin/y\n")
	if got := h.ask("/usr/bin/x"); got.State != model.PackageUnaltered || got.Name != "x" {
		t.Errorf("got %+v", got)
	}
	if got := h.ask("/usr/bin/y"); got.State != model.PackageAltered {
		t.Errorf("got %+v", got)
	}
}

// TestAsker plays a package upgrade and an intruder, with the clock in hand.
func TestAsker(t *testing.T) {
	t.Parallel()
	h := debian(t)
	now := time.Now()
	processes := &model.ProcessSnapshot{}
	sample := func(names ...string) {
		processes = &model.ProcessSnapshot{Meta: model.Meta{Time: now}}
		for i, name := range names {
			p := h.program(name)
			processes.Processes = append(processes.Processes, &model.Process{
				Identity: model.Identity{PID: 10 + i}, Exe: name, ExeFile: p.File, Origin: model.OriginSystem, Inspection: &model.Inspection{},
			})
		}
	}
	asker := New(Options{Root: h.root, Processes: func() *model.ProcessSnapshot { return processes }})
	of := func(pid int) model.PackageFact {
		process, _ := processes.Process(pid)
		fact, _ := asker.Snapshot().Of(process)
		return fact
	}
	sample("/usr/bin/env", "/usr/sbin/daemon", "/usr/bin/added")
	asker.look(now)
	if of(10).State != model.PackageUnaltered {
		t.Errorf("env is %+v", of(10))
	}
	for pid := 11; pid <= 12; pid++ { // written a moment ago: the package manager may be at work
		if fact := of(pid); fact.State != model.PackageUnknown || fact.Why != whyUnsettled {
			t.Errorf("%d is %+v", pid, fact)
		}
	}
	now = now.Add(settle + time.Second)
	sample("/usr/bin/env", "/usr/sbin/daemon", "/usr/bin/added")
	asker.look(now)
	if of(11).State != model.PackageAltered || of(12).State != model.PackageUnowned {
		t.Errorf("after a minute: %+v, %+v", of(11), of(12))
	}
	// The package comes with that content, in its next version.
	h.write("/var/lib/dpkg/info/dash:amd64.md5sums", md5Of("content of /usr/sbin/daemon")+"  sbin/daemon\n")
	h.write("/var/lib/dpkg/status", "Package: dash\n")
	now = now.Add(5 * time.Minute)
	sample("/usr/sbin/daemon")
	asker.look(now)
	if of(10).State != model.PackageUnaltered {
		t.Errorf("after the upgrade: %+v", of(10))
	}
	// Somebody writes into the file.
	h.write("/usr/sbin/daemon", "a miner")
	later := now.Add(5 * time.Minute)
	for _, now = range []time.Time{now.Add(5 * time.Second), later} {
		sample("/usr/sbin/daemon")
		asker.look(now)
	}
	if of(10).State != model.PackageAltered {
		t.Errorf("after the intruder: %+v", of(10))
	}
}

// TestAskedAbout: what is idle, deleted, hidden or lies elsewhere is no question.
func TestAskedAbout(t *testing.T) {
	t.Parallel()
	good := model.Process{Exe: "/usr/bin/x", ExeFile: model.FileID{Dev: 1, Inode: 2}, Origin: model.OriginSystem, Inspection: &model.Inspection{}}
	idle, deleted, hidden, temp, unknown, busy := good, good, good, good, good, good
	idle.Inspection, deleted.ExeDeleted, hidden.Hiding, temp.Origin, unknown.ExeFile = nil, true, model.HiddenByMount, model.OriginTemp, model.FileID{}
	busy.Exe, busy.Cores = "/usr/bin/busy", 4
	got := new(Asker).wanted(&model.ProcessSnapshot{Processes: []*model.Process{&idle, &deleted, &hidden, &temp, &unknown, &good, &good, &busy}})
	if len(got) != 2 || got[0].Path != "/usr/bin/busy" || got[1].Path != "/usr/bin/x" {
		t.Errorf("got %+v", got)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	var got []string
	long := strings.Repeat("x", 3*lineLimit)
	err := eachLine(newLook(nil).line, strings.NewReader("/a\n\n"+long+"\n/b\n"+long), func(line []byte) { got = append(got, string(line)) })
	if err != nil || strings.Join(got, "|") != "/a||/b" {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzDpkg(f *testing.F) {
	f.Add([]byte("/usr/bin/x\n/bin/y\n"), []byte(md5Of("x")+"  usr/bin/x\n"), []byte("/usr/bin/x\n/usr/bin/x.moved\n:\n"))
	f.Add([]byte("\xff\x00\n"), []byte("  "), []byte("a\nb"))
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, list, sums, diversions []byte) {
		h := host{t, filepath.Join(root, md5Of(string(list)+"|"+string(sums)+"|"+string(diversions)))}
		h.write("/usr/bin/x", "x")
		h.write("/var/lib/dpkg/info/p.list", string(list))
		h.write("/var/lib/dpkg/info/p.md5sums", string(sums))
		h.write("/var/lib/dpkg/diversions", string(diversions))
		if got := h.ask("/usr/bin/x"); got.State == model.PackageUnaltered && !strings.Contains(string(sums), md5Of("x")) {
			t.Errorf("got %+v", got)
		}
		os.RemoveAll(h.root)
	})
}

// TestNothingIsReadTooSoon: what is still to be read waits, and what is known stays.
func TestNothingIsReadTooSoon(t *testing.T) {
	t.Parallel()
	h := debian(t)
	env, worker := h.program("/usr/bin/env"), h.program("/usr/bin/worker")
	q := question{root: h.root, databases: databases(), programs: []model.ProgramFile{env}, contents: &contents{known: map[contentKey]string{}}, scan: true}
	first, err := q.ask()
	if err != nil {
		t.Fatal(err)
	}
	q.known, q.scan, q.programs = first.ownership, false, []model.ProgramFile{env, worker}
	got, err := q.ask()
	if err != nil || got.facts[env].State != model.PackageUnaltered || got.facts[worker].Why != whyLater || !got.waiting {
		t.Errorf("got %+v, %v", got, err)
	}
	h.write("/usr/bin/env", "another") // the database is known, and the content is not
	got, err = q.ask()
	if err != nil || got.facts[env].State != model.PackageUnknown || got.facts[env].Why != whyLater {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestRun: the asker publishes what it finds until its context ends.
func TestRun(t *testing.T) {
	t.Parallel()
	h := debian(t)
	p := h.program("/usr/bin/env")
	processes := &model.ProcessSnapshot{Meta: model.Meta{Time: time.Now()}, Processes: []*model.Process{
		{Exe: p.Path, ExeFile: p.File, Origin: model.OriginSystem, Inspection: &model.Inspection{}},
	}}
	asker := New(Options{Root: h.root, Processes: func() *model.ProcessSnapshot { return processes }})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- asker.Run(ctx) }()
	for asker.Snapshot() == nil {
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if fact, _ := asker.Snapshot().Of(processes.Processes[0]); fact.State != model.PackageUnaltered {
		t.Errorf("got %+v", asker.Snapshot())
	}
}

// TestUnreadable: a root that is not there is logged once, and no program is judged.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	var logged strings.Builder
	processes := &model.ProcessSnapshot{Meta: model.Meta{Time: time.Now()}, Processes: []*model.Process{
		{Exe: "/usr/bin/env", ExeFile: model.FileID{Dev: 1, Inode: 2}, Origin: model.OriginSystem, Inspection: &model.Inspection{}},
	}}
	asker := New(Options{
		Root: filepath.Join(t.TempDir(), "none"), Processes: func() *model.ProcessSnapshot { return processes }, Logger: log.NewLogfmtLogger(&logged),
	})
	for range 2 {
		asker.next = time.Time{}
		asker.look(time.Now())
	}
	fact, asked := asker.Snapshot().Of(processes.Processes[0])
	if !asked || fact.State != model.PackageUnknown || !strings.Contains(fact.Why, "could not be read (vanished)") {
		t.Errorf("got %+v", fact)
	}
	if strings.Count(logged.String(), "cannot tell which packages") != 1 {
		t.Errorf("logged %s", logged.String())
	}
}
