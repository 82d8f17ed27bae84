// Package containers says which container and which unit a process belongs to.
package containers

import (
	"regexp"
	"strings"
)

// containerID finds what docker, containerd, CRI-O, podman and kubelet write
// into a cgroup path: 64 hex digits, with or without a prefix or `.scope`.
var containerID = regexp.MustCompile(`[0-9a-f]{64}`)

// Unit returns the innermost service or scope of a cgroup path, or "".
// Delegated subtrees below a unit belong to it (systemd.resource-control(5)).
func Unit(cgroup string) string {
	elements := strings.Split(cgroup, "/")
	for i := len(elements) - 1; i >= 0; i-- {
		if strings.HasSuffix(elements[i], ".service") || strings.HasSuffix(elements[i], ".scope") {
			return elements[i]
		}
	}
	return ""
}

// ID returns the first 12 digits of the innermost container id of a cgroup
// path, or "".
func ID(cgroup string) string {
	ids := containerID.FindAllString(cgroup, -1)
	if len(ids) == 0 {
		return ""
	}
	return ids[len(ids)-1][:12]
}
