package containers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// host is a root directory to fill.
type host struct {
	*testing.T
	root string
}

func newHost(t *testing.T) host { t.Helper(); return host{t, t.TempDir()} }

func (h host) write(name, content string) {
	h.Helper()
	h.directory(filepath.Dir(name))
	if err := os.WriteFile(filepath.Join(h.root, name), []byte(content), 0o600); err != nil {
		h.Fatal(err)
	}
}

func (h host) directory(name string) {
	h.Helper()
	if err := os.MkdirAll(filepath.Join(h.root, name), 0o755); err != nil {
		h.Fatal(err)
	}
}

// give makes everything below a directory a user's, where a test may.
func (h host) give(name string, uid int) {
	h.Helper()
	if os.Getuid() != 0 {
		h.Skip("only root gives files away")
	}
	err := filepath.WalkDir(filepath.Join(h.root, name), func(name string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(name, uid, uid))
	})
	if err != nil {
		h.Fatal(err)
	}
}

// docker writes what Docker does of a container.
func (h host) docker(directory, id, name string) {
	h.Helper()
	h.write(filepath.Join(directory, "containers", id, "config.v2.json"), fmt.Sprintf(`{"Name":"/%s","Config":{"Image":"redis:7"}}`, name))
}

// patient looks everything up, however long this machine takes for it.
func patient(o Options) *Names {
	names := New(o)
	names.most = time.Hour
	return names
}

func home(uid uint32) string { return fmt.Sprintf("/home/%d", uid) }

// TestRenamed: docker rename writes the file anew.
func TestRenamed(t *testing.T) {
	t.Parallel()
	h, now := newHost(t), time.Unix(1, 0)
	h.docker("/var/lib/docker", of("1"), "old")
	h.docker("/var/lib/docker", of("2"), "other")
	names := patient(Options{Root: h.root, Failed: func(err error) { t.Error(err) }})
	names.Begin(now)
	before, other := names.Of("/docker/"+of("1")), names.Of("/docker/"+of("2"))
	if before.Name != "old" || other.Name != "other" {
		t.Fatal(before, other)
	}
	h.docker("/var/lib/docker", of("1"), "renamed")
	if changed := names.Begin(now.Add(time.Second)); len(changed) != 0 {
		t.Errorf("it is not asked all the time: %v", changed)
	}
	changed := names.Begin(now.Add(cycle))
	if got := changed[before]; len(changed) != 1 || got == nil || got.Name != "renamed" || got.ID != before.ID {
		t.Errorf("%v", changed)
	}
	if got := names.Of("/docker/" + of("1")); got != changed[before] {
		t.Errorf("%v", got)
	}
}

// TestLate: a runtime may write its files after the first process was seen.
func TestLate(t *testing.T) {
	t.Parallel()
	h, now := newHost(t), time.Unix(1, 0)
	names := patient(Options{Root: h.root, Failed: func(err error) { t.Error(err) }})
	names.Begin(now)
	before := names.Of("/docker/" + of("1"))
	if before.Known() || before.ShortID() != "111111111111" || names.Share() != (model.Share{Total: 1}) {
		t.Fatal(before, names.Share())
	}
	h.docker("/var/lib/docker", of("1"), "late")
	changed := names.Begin(now.Add(5 * time.Second))
	if got := changed[before]; got == nil || got.Name != "late" || names.Share() != (model.Share{Readable: 1, Total: 1}) {
		t.Errorf("%v %v", changed, names.Share())
	}
	names.Retain(map[*model.Container]bool{changed[before]: true})
	if len(names.known) != 1 || len(names.turns) != 1 {
		t.Error("it still has processes")
	}
	names.Retain(nil)
	if len(names.known) != 0 || len(names.turns) != 0 || names.Share() != (model.Share{}) {
		t.Error("it is remembered for ever")
	}
}

// TestOtherDataRoot: daemon.json may lead elsewhere, and so may storage.conf.
func TestOtherDataRoot(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("/etc/docker/daemon.json", `{"log-driver":"local","data-root":"/data/docker"}`)
	h.write("/etc/containers/storage.conf", "[storage]\ndriver = \"overlay\"\n# graphroot = \"/x\"\n  graphroot = \"/data/containers\"\n")
	h.docker("/data/docker", of("1"), "web")
	h.write("/data/containers/overlay-containers/containers.json", fmt.Sprintf(`[{"id":"%s","names":["db"]}]`, of("2")))
	names := patient(Options{Root: h.root, Failed: func(err error) { t.Error(err) }})
	names.Begin(time.Unix(1, 0))
	if got := names.Of("/docker/" + of("1")); got.Name != "web" {
		t.Errorf("%+v", got)
	}
	if got := names.Of("/machine.slice/libpod-" + of("2") + ".scope"); got.Name != "db" {
		t.Errorf("%+v", got)
	}
}

// TestOthersContainer: whoever may make cgroups can call one like another's container, and gets a name out of his own
// files at most.
func TestOthersContainer(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.docker("/var/lib/docker", of("1"), "trusted")
	h.docker("/var/lib/docker", of("2"), "mine")
	h.docker("/home/1000/.local/share/docker", of("3"), "k8s_app_pod_kube-system_uid_0")
	h.docker("/home/1000/.local/share/docker", of("4"), "web")
	h.give("/home/1000", 1000)
	users, service, open := "/user.slice/user-1000.slice/user@1000.service", "/system.slice/runner.service", "/system.slice/open.service"
	for _, cgroup := range []string{
		"/docker/" + of("1") + "/docker/" + of("2"), users + "/docker-" + of("1") + ".scope", service + "/docker-" + of("1"), open + "/" + of("1"),
		"/system.slice/quadlet.service/libpod-payload-" + of("1"),
	} {
		h.directory("/sys/fs/cgroup" + cgroup)
	}
	h.give("/sys/fs/cgroup"+users, 1000)
	h.give("/sys/fs/cgroup"+service, 1001)
	h.give("/sys/fs/cgroup/docker/"+of("1"), 100000) // a container with users of its own
	if err := os.Chmod(filepath.Join(h.root, "/sys/fs/cgroup"+open), 0o777); err != nil {
		t.Fatal(err)
	}
	names := patient(Options{Root: h.root, Home: home, Failed: func(err error) { t.Error(err) }})
	for cgroup, want := range map[string]model.Container{
		"/docker/" + of("1"):                        {Runtime: model.RuntimeDocker, Name: "trusted", Image: "redis:7", HostRuntime: true},
		"/docker/" + of("1") + "/docker/" + of("2"): {Runtime: model.RuntimeDocker, Name: "trusted", Image: "redis:7", HostRuntime: true},
		users + "/docker-" + of("1") + ".scope":     {Owner: 1000},
		// Out of sight for the file system of cgroups: the path says whose they are.
		users + "/docker-" + of("3") + ".scope":                   {Runtime: model.RuntimeDocker, Image: "redis:7", Owner: 1000},
		users + "/docker-" + of("4") + ".scope":                   {Runtime: model.RuntimeDocker, Image: "redis:7", Name: "web", Owner: 1000},
		"/../../.." + users + "/docker-" + of("1") + ".scope":     {Owner: 1000},
		"/../system.slice/runner.service/" + of("1"):              {},
		service + "/docker-" + of("1"):                            {Owner: 1001},
		open + "/" + of("1"):                                      {},
		"/system.slice/quadlet.service/libpod-payload-" + of("1"): {Runtime: model.RuntimeDocker, Name: "trusted", Image: "redis:7", HostRuntime: true},
	} {
		want.ID = idPattern.FindString(cgroup)
		names.Begin(time.Unix(1, 0))
		if got := names.Of(cgroup); got == nil || *got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", cgroup, got, want)
		}
	}
}

// TestHostileFiles: files that lie or hurt give no name, and neither an end nor what is in others' files.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	config := func(id string) string { return "/var/lib/docker/containers/" + id + "/config.v2.json" }
	for name, test := range map[string]struct {
		make func(h host, file string)
		want error // nil: there is no failure
	}{
		"deep":      {func(h host, file string) { h.write(file, strings.Repeat(`{"a":`, 200000)) }, errAny},
		"huge":      {func(h host, file string) { h.write(file, `{"Name":"/web"`+strings.Repeat(" ", maxFile)+"}") }, hostfs.ErrLimit},
		"truncated": {func(h host, file string) { h.write(file, `{"Name":"/web"`) }, errAny},
		"no object": {func(h host, file string) { h.write(file, `["Name"]`) }, errAny},
		"FIFO":      {func(h host, file string) { h.fifo(file) }, hostfs.ErrKind},
		"directory": {func(h host, file string) { h.directory(file) }, hostfs.ErrKind},
		"passwords": {func(h host, file string) {
			h.write("/etc/shadow", "root:$6$secret:1:0:99999:7:::\n")
			h.link("/etc/shadow", file)
		}, errAny},
		"itself":     {func(h host, file string) { h.link(file, file) }, unix.ELOOP},
		"controls":   {func(h host, file string) { h.write(file, `{"Name":"/a\u001b[31mb","Config":{"Image":"x\ny"}}`) }, nil},
		"an option":  {func(h host, file string) { h.write(file, `{"Name":"--all","Config":{"Image":"-v"}}`) }, nil},
		"long":       {func(h host, file string) { h.write(file, `{"Name":"/`+strings.Repeat("x", 300)+`"}`) }, nil},
		"a path":     {func(h host, file string) { h.write(file, `{"Name":"/../web"}`) }, nil},
		"right left": {func(h host, file string) { h.write(file, `{"Name":"/web\u202egnp"}`) }, nil},
		"no text": {func(h host, file string) {
			h.write(file, `{"Name":"/","Config":{"Labels":{"com.docker.compose.project":{"a":1}}}}`)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			test.make(h, config(of("1")))
			var failures []error
			names := patient(Options{Root: h.root, Failed: func(err error) { failures = append(failures, err) }})
			names.Begin(time.Unix(1, 0))
			got := names.Of("/docker/" + of("1"))
			if got.Known() || got.Image != "" || got.Project != "" || got.ShortID() != "111111111111" {
				t.Errorf("%+v", got)
			}
			failed := errors.Join(failures...)
			if (failed != nil) != (test.want != nil) || test.want != nil && !errors.Is(test.want, errAny) && !errors.Is(failed, test.want) {
				t.Errorf("failure %v, want %v", failed, test.want)
			}
			if failed != nil && (strings.Contains(failed.Error(), "secret") || len(failed.Error()) > 300) {
				t.Errorf("failure %v", failed)
			}
		})
	}
}

var errAny = errors.New("any")

func (h host) link(to, name string) {
	h.Helper()
	h.directory(filepath.Dir(name))
	if err := os.Symlink(to, filepath.Join(h.root, name)); err != nil {
		h.Fatal(err)
	}
}

func (h host) fifo(name string) {
	h.Helper()
	h.directory(filepath.Dir(name))
	if err := unix.Mkfifo(filepath.Join(h.root, name), 0o600); err != nil {
		h.Fatal(err)
	}
}

// TestHostileUser: a user links to what only root reads, and writes a long list.
func TestHostileUser(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const id = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-"
	storage := "/home/1000/.local/share/containers/storage/"
	h.write("/root/containers.json", fmt.Sprintf(`[{"id":"%s","names":["roots"]}]`, of("1")))
	h.link("/root/containers.json", storage+"overlay-containers/containers.json")
	h.write(storage+"vfs-containers/containers.json", "["+strings.Repeat(fmt.Sprintf(`{"id":"%s","names":["x"]},`, of("3")), 1<<14)+"{}]")
	h.write(storage+"btrfs-containers/containers.json", fmt.Sprintf(`[{"id":"%s","names":["own"],"metadata":"{\"image-name\":\"x:1\"}"},{"id":"short","names":["y"]}]`, of("2")))
	h.give("/home/1000", 1000)
	var failures []error
	names := patient(Options{Root: h.root, Home: home, Failed: func(err error) { failures = append(failures, err) }})
	names.Begin(time.Unix(1, 0))
	for id, want := range map[string]string{id + of("1") + ".scope": "", id + of("2") + ".scope": "own", id + of("3") + ".scope": ""} {
		if got := names.Of(id); got.Name != want || got.HostRuntime || got.Owner != 1000 {
			t.Errorf("%s: %+v", id, got)
		}
	}
	failed := errors.Join(failures...)
	if !errors.Is(failed, hostfs.ErrOwner) || !errors.Is(failed, hostfs.ErrLimit) {
		t.Errorf("%v", failed)
	}
}

// TestBounds: a host with any number of containers costs a sample as much as one with some, and memory has an end.
func TestBounds(t *testing.T) {
	t.Parallel()
	names := New(Options{Root: t.TempDir()})
	names.Begin(time.Unix(1, 0))
	for i := range maxKnown + 10 {
		if got := names.Of(fmt.Sprintf("/docker/%064x", i)); got == nil || len(got.ID) != 64 {
			t.Fatal(got)
		}
	}
	tried := func() (n int) {
		for _, k := range names.turns {
			if !k.tried.IsZero() {
				n++
			}
		}
		return n
	}
	if got := tried(); len(names.known) != maxKnown || got == 0 || got > atFirst*maxLookups {
		t.Errorf("%d known, %d looked up", len(names.known), got)
	}
	before := tried()
	names.Begin(time.Unix(6, 0))
	names.Begin(time.Unix(11, 0))
	if got := tried(); got <= before || got > before+2*atFirst*maxLookups {
		t.Errorf("%d looked up after %d: the others wait for their turn", got, before)
	}
	names.Begin(time.Unix(16, 0))
	if names.left > maxLookups || names.limit != maxTime {
		t.Errorf("%d lookups and %s for a later sample", names.left, names.limit)
	}
}
