package containers

import (
	"strings"

	"github.com/prometheus/procfs"
)

// Path picks the path that says most: the unified hierarchy, then
// systemd's own, then any other that is not the root.
//
// In a cgroup namespace of its own, as a container has one, the exporter is shown the paths from there: "/../.." for the
// root, and "/../NAME" for a neighbour (cgroup_namespaces(7)). The ".." are left out. What is left may lack the first
// elements of the path, and is still the same for all processes of a cgroup, and "/" for those of the root.
func Path(groups []procfs.Cgroup) string {
	best, rank := "/", 0
	for _, group := range groups {
		for group.Path == "/.." || strings.HasPrefix(group.Path, "/../") {
			group.Path = "/" + strings.TrimPrefix(group.Path[len("/.."):], "/")
		}
		r := 1
		switch {
		case group.Path == "/" || group.Path == "":
			r = 0
		case group.HierarchyID == 0:
			r = 3
		case len(group.Controllers) == 1 && group.Controllers[0] == "name=systemd":
			r = 2
		}
		if r > rank {
			best, rank = group.Path, r
		}
	}
	return best
}
