package processes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestContainerNames: processes at rest have the new name of their container too, a new process that of its first
// sample, and a container without processes is forgotten.
func TestContainerNames(t *testing.T) {
	t.Parallel()
	proc, root, id := newFakeProc(t), t.TempDir(), strings.Repeat("ab", 32)
	name := func(name string) {
		t.Helper()
		file := filepath.Join(root, "var/lib/docker/containers", id, "config.v2.json")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, fmt.Appendf(nil, `{"Name":"/%s","Config":{"Image":"redis:7"}}`, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inside := func(pid int) fakeProcess {
		return fakeProcess{pid: pid, ppid: 1, comm: "redis", exe: "/usr/bin/redis", cgroup: "/docker/" + id, nsPIDs: fmt.Sprintf("%d\t1", pid)}
	}
	called := func(s *model.ProcessSnapshot, pid int, want string) {
		t.Helper()
		p := processOf(t, s, pid)
		if p.Container == nil || p.Container.Name != want || p.Container.Image != "redis:7" || p.Container.Runtime != model.RuntimeDocker || p.Container.ShortID() != p.ContainerID {
			t.Errorf("pid %d: %+v, want the name %s", pid, p.Container, want)
		}
	}
	name("old")
	proc.put(fakeProcess{pid: 1, comm: "init", exe: "/sbin/init"})
	proc.put(inside(40))
	sensor := proc.sensor()
	sensor.options.Root = root
	sensor.containers = newContainers(sensor.table)
	first := sampleAt(t, sensor, 10)
	called(first, 40, "old")
	if first.Visibility[model.AspectContainer] != (model.Share{Readable: 1, Total: 1}) || processOf(t, first, 1).Container != nil {
		t.Errorf("%+v", first.Visibility)
	}
	name("renamed")
	proc.put(inside(41))
	called(sampleAt(t, sensor, 15), 41, "old") // it is not asked in each sample
	last := sampleAt(t, sensor, 80)
	called(last, 40, "renamed")
	called(last, 41, "renamed")
	called(first, 40, "old") // what was published stays

	proc.remove(40)
	proc.remove(41)
	sampleAt(t, sensor, 85)
	if s := sampleAt(t, sensor, 150); s.Visibility[model.AspectContainer] != (model.Share{}) {
		t.Errorf("the container is gone: %+v", s.Visibility)
	}
}
