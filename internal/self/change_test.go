package self

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const unitFile = `[Service]
ExecStart=/usr/local/bin/cryptojack_exporter $OPTIONS
AmbientCapabilities=CAP_SYS_PTRACE
PrivateTmp=no
[Install]
WantedBy=multi-user.target
`

// installed is a host on which the exporter runs as a unit, from a program and with a
// configuration that a test may change.
type installed struct {
	*host
	program, config string
	loaded          int
}

func newInstalled(t *testing.T) *installed {
	t.Helper()
	h := &installed{host: newHost(t)}
	h.program, h.config = filepath.Join(t.TempDir(), "cryptojack_exporter"), filepath.Join(t.TempDir(), "config.yml")
	h.put(h.program, ownBuild(t), 0o755)
	h.put(h.config, []byte("probe: true\n"), 0o644)
	h.link(h.program, "self", "exe")
	h.write("0::/system.slice/cryptojack_exporter.service\n", "self", "cgroup")
	h.put(h.at("/etc/systemd/system/cryptojack_exporter.service"), []byte(unitFile), 0o644)
	h.put(h.at("/etc/systemd/system/multi-user.target.wants/cryptojack_exporter.service"), []byte(unitFile), 0o644)
	options := h.sensor.options
	options.ConfigFiles, options.Configured = []string{h.config}, func() any { return h.loaded }
	h.sensor = New(options)
	return h
}

// ownBuild is this test's own program, which is a build of Go.
func ownBuild(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (h *installed) at(name string) string { return filepath.Join(h.root, name) }

// put writes a new file, in place of the one that is there: its inode is another.
func (h *installed) put(name string, content []byte, mode os.FileMode) {
	h.t.Helper()
	h.directory(filepath.Dir(name))
	if err := os.WriteFile(name+".new", content, 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chmod(name+".new", mode); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		h.t.Fatal(err)
	}
}

func (h *installed) gone(name string) {
	h.t.Helper()
	if err := os.RemoveAll(name); err != nil {
		h.t.Fatal(err)
	}
}

// TestChanges: each thing that may be done to what the exporter runs from, beside what
// an upgrade or an administrator does.
func TestChanges(t *testing.T) {
	t.Parallel()
	const unit, etc = "cryptojack_exporter.service", "/etc/systemd/system/cryptojack_exporter.service"
	for name, test := range map[string]struct {
		change func(*installed)
		want   []model.SelfChangeKind
	}{
		"nothing": {func(*installed) {}, nil},

		"its program is deleted":                        {func(h *installed) { h.gone(h.program) }, []model.SelfChangeKind{model.ProgramDeleted}},
		"its program is replaced by a script":           {func(h *installed) { h.put(h.program, []byte("#!/bin/sh\nexit 0\n"), 0o755) }, []model.SelfChangeKind{model.ProgramReplaced}},
		"its program is replaced by what others write":  {func(h *installed) { h.put(h.program, append(ownBuild(h.t), 0), 0o777) }, []model.SelfChangeKind{model.ProgramReplaced}},
		"its program is replaced by a FIFO or the like": {func(h *installed) { h.gone(h.program); h.directory(h.program) }, []model.SelfChangeKind{model.ProgramReplaced}},
		"its program is upgraded":                       {func(h *installed) { h.put(h.program, append(ownBuild(h.t), 0), 0o755) }, []model.SelfChangeKind{model.ProgramUpgraded}},
		"its program is installed again":                {func(h *installed) { h.put(h.program, ownBuild(h.t), 0o755) }, nil},

		"its configuration is deleted": {func(h *installed) { h.gone(h.config) }, []model.SelfChangeKind{model.ConfigDeleted}},
		"its configuration is changed": {func(h *installed) { h.put(h.config, []byte("allow: []\n"), 0o644) }, []model.SelfChangeKind{model.ConfigChanged}},
		"its configuration is changed and read": {func(h *installed) {
			h.put(h.config, []byte("allow: []\n"), 0o644)
			h.loaded++
		}, nil},

		"its unit is masked": {func(h *installed) {
			h.gone(h.at(etc))
			if err := os.Symlink("/dev/null", h.at(etc)); err != nil {
				h.t.Fatal(err)
			}
		}, []model.SelfChangeKind{model.UnitMasked}},
		"its unit is masked until the next start": {func(h *installed) {
			h.gone(h.at(etc))
			h.put(h.at("/usr/lib/systemd/system/"+unit), []byte(unitFile), 0o644)
			h.put(h.at("/run/systemd/system/"+unit), nil, 0o644)
		}, []model.SelfChangeKind{model.UnitMasked}},
		"its unit is disabled": {func(h *installed) { h.gone(h.at("/etc/systemd/system/multi-user.target.wants/" + unit)) }, []model.SelfChangeKind{model.UnitDisabled}},
		"its unit is deleted":  {func(h *installed) { h.gone(h.at(etc)) }, []model.SelfChangeKind{model.UnitDeleted}},
		"a drop-in blinds it":  {func(h *installed) { h.put(h.at(etc+".d/x.conf"), []byte("[Service]\nPrivateTmp=yes\n"), 0o644) }, []model.SelfChangeKind{model.UnitCrippled}},
		"a drop-in of all services blinds it": {func(h *installed) {
			h.put(h.at("/run/systemd/system/service.d/x.conf"), []byte("[Service]\nExecStart=\nExecStart=/bin/true\n"), 0o644)
		}, []model.SelfChangeKind{model.UnitCrippled}},
		"its file loses a capability": {func(h *installed) {
			h.put(h.at(etc), []byte("[Service]\nExecStart=/usr/local/bin/cryptojack_exporter $OPTIONS\nPrivateTmp=no\n"), 0o644)
		}, []model.SelfChangeKind{model.UnitCrippled}},
		"a drop-in of an administrator": {func(h *installed) { h.put(h.at(etc+".d/memory.conf"), []byte("[Service]\nMemoryMax=512M\n"), 0o644) }, []model.SelfChangeKind{model.UnitChanged}},
		"another unit is masked":        {func(h *installed) { h.put(h.at("/etc/systemd/system/cron.service"), nil, 0o644) }, nil},

		"everything at once": {func(h *installed) { h.gone(h.program); h.gone(h.config); h.gone(h.at("/etc/systemd")) }, []model.SelfChangeKind{model.ConfigDeleted, model.ProgramDeleted, model.UnitDeleted}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newInstalled(t)
			if first := h.sample(); len(first.Changes) != 0 {
				t.Fatalf("%+v", first.Changes)
			}
			test.change(h)
			if once := h.sample(); len(once.Changes) != 0 {
				t.Errorf("an upgrade takes a moment: %+v", once.Changes)
			}
			var got []model.SelfChangeKind
			for _, change := range h.sample().Changes {
				got = append(got, change.Kind)
				if change.Subject == "" {
					t.Errorf("%+v", change)
				}
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestMoved: what was undone is over with the next sample.
func TestMoved(t *testing.T) {
	t.Parallel()
	h := newInstalled(t)
	h.sample()
	if err := os.Rename(h.config, h.config+".away"); err != nil {
		t.Fatal(err)
	}
	h.sample()
	if s := h.sample(); len(s.Changes) != 1 {
		t.Fatalf("%+v", s.Changes)
	}
	if err := os.Rename(h.config+".away", h.config); err != nil {
		t.Fatal(err)
	}
	h.loaded++ // a reload: rename changed its ctime
	if s := h.sample(); len(s.Changes) != 0 {
		t.Errorf("%+v", s.Changes)
	}
}

// TestForeignUnit: what runs the exporter is not always its own unit.
func TestForeignUnit(t *testing.T) {
	t.Parallel()
	for name, cgroup := range map[string]string{
		"by hand":                     "0::/user.slice/user-1000.slice/session-3.scope\n",
		"by a user's own manager":     "0::/user.slice/user-1000.slice/user@1000.service/app.slice/cryptojack_exporter.service\n",
		"from cron":                   "0::/system.slice/cron.service\n",
		"in a container":              "0::/\n",
		"in one that is seen outside": "0::/system.slice/docker-0123.scope\n",
		"with a name that escapes":    "0::/system.slice/..\\x2f.service\n",
	} {
		h := newInstalled(t)
		h.put(h.at("/usr/lib/systemd/system/cron.service"), []byte("[Service]\nExecStart=/usr/sbin/cron -f\n"), 0o644)
		h.write(cgroup, "self", "cgroup")
		if s := New(h.sensor.options); s.unit != nil {
			t.Errorf("%s: %+v", name, s.unit)
		}
	}
	h := newInstalled(t)
	h.write("1:name=systemd:/system.slice/cryptojack_exporter.service\n3:cpu:/\n", "self", "cgroup") // cgroup v1
	if s := New(h.sensor.options); s.unit == nil || s.unit.name != "cryptojack_exporter.service" || !s.unit.first.enabled {
		t.Errorf("%+v", s.unit)
	}
}
