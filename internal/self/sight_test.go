package self

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// host is a fake procfs with pid 1 and the exporter in it, and a fake root directory.
type host struct {
	t          *testing.T
	proc, root string
	log        bytes.Buffer
	sensor     *Sensor
}

// newHost is one on which the exporter shares everything with pid 1.
func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, proc: t.TempDir(), root: t.TempDir()}
	for _, place := range places() {
		h.directory(filepath.Join(h.root, place))
	}
	for _, process := range []string{"1", "self"} {
		h.link("pid:[4026531836]", process, "ns/pid")
		h.link("user:[4026531837]", process, "ns/user")
		h.link("net:[4026531840]", process, "ns/net")
		h.write("", process, "net/tcp")
	}
	h.link(h.root, "1", "root")
	h.write("systemd\n", "1", "comm")
	h.write("Name:\tx\nNSpid:\t812\nCapEff:\t0000000000080004\n", "self", "status")
	h.write("22 27 0:21 / "+h.proc+" rw - proc proc rw\n", "self", "mountinfo")
	h.write("812 (cryptojack) x) S 1 812 812 0 -1 4194560\n", "self", "stat")
	h.sensor = New(Options{Proc: h.proc, Root: h.root, Own: filepath.Join(h.proc, "self"), Logger: log.NewLogfmtLogger(&h.log)})
	return h
}

func (h *host) directory(name string) {
	h.t.Helper()
	if err := os.MkdirAll(name, 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) write(content string, name ...string) {
	h.t.Helper()
	path := filepath.Join(append([]string{h.proc}, name...)...)
	h.directory(filepath.Dir(path))
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// link makes a link, in place of the one that is there.
func (h *host) link(target string, name ...string) {
	h.t.Helper()
	path := filepath.Join(append([]string{h.proc}, name...)...)
	h.directory(filepath.Dir(path))
	h.remove(name...)
	if err := os.Symlink(target, path); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) remove(name ...string) {
	h.t.Helper()
	if err := os.RemoveAll(filepath.Join(append([]string{h.proc}, name...)...)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) sample() *model.SelfSnapshot {
	h.t.Helper()
	if err := h.sensor.Sample(context.Background(), time.Unix(1_764_000_000, 0)); err != nil {
		h.t.Fatal(err)
	}
	return h.sensor.Snapshot()
}

// TestSight: each way in which a namespace of the exporter's own replaces a part of the
// host, and what looks like it and is not. want is the beginning of each sentence.
func TestSight(t *testing.T) {
	t.Parallel()
	another := func(h *host, place string) { // pid 1 has another directory there
		hosts := h.t.TempDir()
		for _, p := range places() {
			if p != place && !strings.HasPrefix(p, place+"/") && p != "/" {
				h.directory(filepath.Dir(filepath.Join(hosts, p)))
				if err := os.Symlink(filepath.Join(h.root, p), filepath.Join(hosts, p)); err != nil && !os.IsExist(err) {
					h.t.Fatal(err)
				}
			}
		}
		h.directory(filepath.Join(hosts, place))
		h.link(hosts, "1", "root")
	}
	for name, test := range map[string]struct {
		change    func(*host)
		contained bool
		seen      int // of 4 parts
		want      []string
	}{
		"the host":                       {func(*host) {}, false, 4, nil},
		"nothing of pid 1 may be read":   {func(h *host) { h.remove("1") }, false, 4, nil},
		"a container without --pid=host": {func(h *host) { h.link("pid:[4026532001]", "1", "ns/pid"); h.write("cryptojack_expo\n", "1", "comm") }, true, 3, []string{"PROC shows the processes of one container only"}},
		"the same, pid 1 may not be read": {func(h *host) {
			h.remove("1", "ns/pid")
			h.link("pid:[4026532001]", "self", "ns/pid")
			h.write("sh\n", "1", "comm")
		}, true, 3, []string{"PROC shows the processes of one container only"}},
		"a system in a container (LXC)": {func(h *host) {
			h.link("pid:[4026532001]", "1", "ns/pid")
			h.link("user:[4026532002]", "1", "ns/user")
			h.link("user:[4026532002]", "self", "ns/user")
		}, false, 4, nil},
		"a system of WSL": {func(h *host) {
			h.link("pid:[4026532001]", "1", "ns/pid")
			h.write("init(Debian)\n", "1", "comm")
		}, false, 4, nil},
		"a container with the host's procfs": {func(h *host) { h.remove("1", "ns/pid"); h.write("NSpid:\t812\t1\n", "self", "status") }, false, 4, nil},
		"another procfs":                     {func(h *host) { h.remove("1", "ns/pid"); h.remove("self", "status") }, true, 3, []string{"PROC does not show the exporter itself"}},
		"hidepid without CAP_SYS_PTRACE": {func(h *host) {
			h.write("22 27 0:21 / "+h.proc+" rw - proc proc rw,hidepid=invisible\n", "self", "mountinfo")
			h.write("NSpid:\t812\nCapEff:\t0000000000000004\n", "self", "status")
		}, false, 3, []string{"PROC is mounted with hidepid"}},
		"hidepid with CAP_SYS_PTRACE": {func(h *host) {
			h.write("22 27 0:21 / "+h.proc+" rw - proc proc rw,hidepid=2\n", "self", "mountinfo")
		}, false, 4, nil},
		"PrivateTmp": {func(h *host) {
			h.remove("1", "root")
			h.write(fmt.Sprintf("1 2 8:1 /tmp/systemd-private-0f-x.service-a/tmp %s/tmp rw - ext4 /dev/sda1 rw\n", h.root), "self", "mountinfo")
		}, false, 3, []string{"/tmp is not that of the host: its unit gives the exporter one of its own; set PrivateTmp=no"}},
		"ProtectHome": {func(h *host) {
			h.remove("1", "root")
			h.write(fmt.Sprintf("1 2 0:25 /systemd/inaccessible/dir %s/home ro - tmpfs tmpfs rw\n1 2 0:25 /systemd/inaccessible/dir %s/root ro - tmpfs tmpfs rw\n", h.root, h.root), "self", "mountinfo")
		}, false, 3, []string{"/home is not that of the host: its unit closes it", "/root is not that of the host: its unit closes it"}},
		"another root directory": {func(h *host) { h.link(h.t.TempDir(), "1", "root") }, false, 3, []string{"/ is not that of the host: the exporter has a mount namespace of its own"}},
		"a user namespace":       {func(h *host) { h.remove("1", "ns/user"); h.link("user:[4026532007]", "self", "ns/user") }, false, 3, []string{"It runs in a user namespace of its own"}},
		"a network namespace":    {func(h *host) { h.link("net:[4026532009]", "self", "ns/net") }, false, 3, []string{"It runs in a network namespace of its own"}},
		"another /var/spool":     {func(h *host) { another(h, "/var/spool") }, false, 3, []string{"/ is not", "/var/spool is not that of the host"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			test.change(h)
			s := h.sample()
			if got := s.Visibility[model.AspectHost]; got != (model.Share{Readable: test.seen, Total: 4}) || s.Contained != test.contained {
				t.Errorf("share %+v, contained %t: %q", got, s.Contained, s.Lacks)
			}
			if len(s.Lacks) != len(test.want) {
				t.Fatalf("%q, want %q", s.Lacks, test.want)
			}
			for i, want := range test.want {
				if want = strings.ReplaceAll(want, "PROC", h.proc); !strings.HasPrefix(s.Lacks[i], want) {
					t.Errorf("%q, want %q", s.Lacks[i], want)
				}
			}
		})
	}
}

// TestFilesOfAContainer: without the host's pid namespace, its root directory is not there
// either, unless somebody has mounted it.
func TestFilesOfAContainer(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.sensor.options.Root = "/"
	if got := h.sensor.files(true); len(got) != 1 || !strings.HasPrefix(got[0], "The files are those of one container only") {
		t.Errorf("%q", got)
	}
}

// TestLacksAreLoggedOnce: and once when it is over.
func TestLacksAreLoggedOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.link("net:[4026532009]", "self", "ns/net")
	h.sample()
	h.sample()
	h.link("net:[4026531840]", "self", "ns/net")
	h.sample()
	h.sample()
	var got []string
	for line := range strings.Lines(h.log.String()) {
		level, rest, _ := strings.Cut(line, " ")
		message, _, _ := strings.Cut(rest, " what=")
		got = append(got, level+" "+message)
	}
	want := []string{`level=warn msg="a part of the host cannot be seen"`, `level=info msg="a part of the host can be seen again"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
