package processes

import (
	"regexp"
	"strings"

	"github.com/prometheus/procfs"
)

// containerID finds what docker, containerd, CRI-O, podman and kubelet write
// into a cgroup path: 64 hex digits, with or without a prefix or `.scope`.
var containerID = regexp.MustCompile(`[0-9a-f]{64}`)

// cgroupPath picks the path that says most: the unified hierarchy, then
// systemd's own, then any other that is not the root.
func cgroupPath(groups []procfs.Cgroup) string {
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

// unitOf returns the innermost service or scope of a cgroup path, or "".
// Delegated subtrees below a unit belong to it (systemd.resource-control(5)).
func unitOf(cgroup string) string {
	elements := strings.Split(cgroup, "/")
	for i := len(elements) - 1; i >= 0; i-- {
		if strings.HasSuffix(elements[i], ".service") || strings.HasSuffix(elements[i], ".scope") {
			return elements[i]
		}
	}
	return ""
}

// containerOf returns the first 12 digits of the innermost container id of a
// cgroup path, or "".
func containerOf(cgroup string) string {
	ids := containerID.FindAllString(cgroup, -1)
	if len(ids) == 0 {
		return ""
	}
	return ids[len(ids)-1][:12]
}
