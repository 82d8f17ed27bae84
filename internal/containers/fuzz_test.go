package containers

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// FuzzCgroup: whoever may make a cgroup names it. What is taken out of a path is in it, and has the form that it should.
func FuzzCgroup(f *testing.F) {
	id := strings.Repeat("0123456789abcdef", 4)
	f.Add("/system.slice/docker-"+id+".scope", "/user.slice/user-1000.slice/session-3.scope")
	f.Add("/kubepods/burstable/pod1/"+id+"/"+id, "/x.service/y/.scope")
	f.Add(`/machine.slice/machine-a\x2db.scope/payload`, "/lxc.payload.web/x")
	f.Add("", "/")
	f.Fuzz(func(t *testing.T, unified, named string) {
		picked := Path([]procfs.Cgroup{
			{HierarchyID: 1, Controllers: []string{"name=systemd"}, Path: named}, {HierarchyID: 0, Path: unified}, {HierarchyID: 5, Controllers: []string{"cpu"}, Path: "/cpu"},
		})
		if strings.HasPrefix(unified, "/..") || strings.HasPrefix(named, "/..") {
			return // see TestCgroupNamespace
		}
		if picked != unified && (unified != "/" && unified != "" || picked != named && (named != "/" && named != "" || picked != "/cpu")) {
			t.Errorf("%q of %q and %q", picked, unified, named)
		}
		found := ID(picked)
		if found != "" && (len(found) != 12 || !strings.Contains(picked, found) || strings.Trim(found, "0123456789abcdef") != "") {
			t.Errorf("id %q of %q", found, picked)
		}
		unit := Unit(picked)
		if unit != "" && (strings.Contains(unit, "/") || !strings.Contains(picked, unit) || !strings.HasSuffix(unit, ".service") && !strings.HasSuffix(unit, ".scope")) {
			t.Errorf("unit %q of %q", unit, picked)
		}
		if place, ok := find(picked); ok && (!strings.HasPrefix(picked, place.path) || !strings.HasPrefix(place.path, place.above) || place.id == "" && place.machine == "") {
			t.Errorf("%+v of %q", place, picked)
		}
	})
}

// FuzzRuntimeFiles: whatever stands in the files of runtimes, names come out in the form that needs no escaping.
func FuzzRuntimeFiles(f *testing.F) {
	for _, name := range []string{
		"var/lib/docker/containers/" + dockers + "/config.v2.json",
		"run/containerd/io.containerd.runtime.v2.task/k8s.io/" + of("3") + "/config.json",
		"run/containers/storage/overlay-containers/" + of("a") + "/userdata/config.json",
		"var/lib/containers/storage/vfs-containers/containers.json",
		"run/systemd/machines/build-1",
	} {
		content, err := os.ReadFile("testdata/host/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("cache-0_shop_redis-" + of("b") + ".log"))
	f.Add([]byte(`{"data-root":"/x","Name":"/k8s_a_b_c_d_0","annotations":{"nerdctl/name":"x"}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		check := func(c model.Container) {
			for _, name := range []string{c.Name, c.KubePod, c.KubeNamespace, c.Project, c.Service} {
				if name != "" && !nameForm.MatchString(name) || strings.ContainsAny(name, "/ \n\x00'\"$") {
					t.Errorf("name %q", name)
				}
			}
			if strings.HasPrefix(c.Image, "-") || strings.ContainsAny(c.Image, " \n\x00'\"$;") || !utf8.ValidString(c.Image) || len(c.Image) > 512 {
				t.Errorf("image %q", c.Image)
			}
		}
		if c, err := parseDocker(content); err == nil {
			check(c)
		}
		if c, err := parseBundle(content); err == nil {
			check(c)
		}
		listed, err := parseStorage(content)
		if err == nil && len(listed) > maxListed {
			t.Errorf("%d containers", len(listed))
		}
		for _, c := range listed {
			check(c)
		}
		for id, c := range parseLogNames(strings.Split(string(content), "\n")) {
			if len(id) != 64 {
				t.Errorf("id %q", id)
			}
			check(c)
		}
		if root, err := parseDataRoot(content); err == nil && root != "" && root[0] != '/' {
			t.Errorf("data root %q", root)
		}
		isMachineContainer(content)
	})
}
