package containers

import (
	"testing"

	"github.com/prometheus/procfs"
)

// TestCgroupNamespace: an exporter in a container is shown paths from its own cgroup on.
func TestCgroupNamespace(t *testing.T) {
	t.Parallel()
	for shown, want := range map[string]string{
		"/":                              "/",
		"/..":                            "/",
		"/../..":                         "/",
		"/../../system.slice/x.service":  "/system.slice/x.service",
		"/../x.service":                  "/x.service",
		"/..x/y":                         "/..x/y",
		"/user.slice/../x":               "/user.slice/../x",
		"/../..docker/id":                "/..docker/id",
		"/../../../kubepods/burstable/p": "/kubepods/burstable/p",
	} {
		if got := Path([]procfs.Cgroup{{HierarchyID: 0, Path: shown}}); got != want {
			t.Errorf("%s: %s, want %s", shown, got, want)
		}
	}
}
