package containers

import "github.com/prometheus/procfs"

// Path picks the path that says most: the unified hierarchy, then
// systemd's own, then any other that is not the root.
func Path(groups []procfs.Cgroup) string {
	best, rank := "/", 0
	for _, group := range groups {
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
