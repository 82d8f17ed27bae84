package containers

import (
	"strings"
	"testing"

	"github.com/prometheus/procfs"
)

// FuzzCgroup: whoever may make a cgroup names it. What is taken out of a path is in it, and has the form that it should.
func FuzzCgroup(f *testing.F) {
	id := strings.Repeat("0123456789abcdef", 4)
	f.Add("/system.slice/docker-"+id+".scope", "/user.slice/user-1000.slice/session-3.scope")
	f.Add("/kubepods/burstable/pod1/"+id+"/"+id, "/x.service/y/.scope")
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
	})
}
