package containers

import (
	"regexp"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
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

// Unit returns the innermost service or scope of a cgroup path, or "".
// Delegated subtrees below a unit belong to it (systemd.resource-control(5)).
func Unit(cgroup string) string {
	elements := strings.Split(cgroup, "/")
	for i := len(elements) - 1; i >= 0; i-- {
		if isUnit(elements[i]) {
			return elements[i]
		}
	}
	return ""
}

func isUnit(element string) bool {
	return strings.HasSuffix(element, ".service") || strings.HasSuffix(element, ".scope")
}

// ID returns the first 12 digits of the id of the container that a cgroup path belongs to, or "".
func ID(cgroup string) string {
	if place, ok := find(cgroup); ok && place.id != "" {
		return place.id[:12]
	}
	return ""
}

// idPattern finds what docker, containerd, CRI-O, podman and kubelet write into a
// cgroup path: 64 hex digits, with or without a prefix or `.scope`.
var idPattern = regexp.MustCompile(`[0-9a-f]{64}`)

// cgroup is the part of a path by which the runtime has named a container.
type cgroup struct {
	path    string // up to and with it
	above   string // the cgroup in which it was made
	id      string // 64 hex, or ""
	machine string // the name that LXC or systemd-nspawn gave it, or ""
	runtime model.ContainerRuntime
}

// find returns the outermost container of a path. What is further in was named by
// whoever is inside: a container that runs containers can call them what it likes, also by the
// id of another one.
func find(path string) (found cgroup, ok bool) {
	end := 0
	for element := range strings.SplitSeq(path, "/") {
		start := end
		end = start + len(element)
		if found.identify(element, path[:max(0, start-1)]) {
			found.path, found.above = path[:end], path[:max(0, start-1)]
			return found, !isOutside(element, path[end:])
		}
		end++ // the slash
	}
	return cgroup{}, false
}

// identify tells whether an element of a path is that of a container.
func (c *cgroup) identify(element, above string) bool {
	name, isPayload := strings.CutPrefix(element, "lxc.payload.")
	switch machine := machineOf(element, above); {
	case isPayload, above == "/lxc" && element != "": // before LXC 4
		if !isPayload {
			name = element
		}
		c.machine, c.runtime = name, model.RuntimeLXC
	case machine != "":
		c.machine, c.runtime = machine, model.RuntimeNspawn
	default:
		c.id = idPattern.FindString(element)
	}
	return c.id != "" || c.machine != ""
}

// machineOf returns the name of a machine of systemd-machined(8) that a unit is made for.
func machineOf(element, above string) string {
	if name, ok := strings.CutPrefix(element, "machine-"); ok && strings.HasSuffix(above, "/machine.slice") {
		if name, ok = strings.CutSuffix(name, ".scope"); ok {
			return unescape(name)
		}
	}
	if name, ok := strings.CutPrefix(element, "systemd-nspawn@"); ok {
		if name, ok = strings.CutSuffix(name, ".service"); ok {
			return unescape(name)
		}
	}
	return ""
}

// unescape undoes what systemd-escape(1) does to the only byte of a machine's name that it changes.
func unescape(name string) string { return strings.ReplaceAll(name, `\x2d`, "-") }

// isOutside tells whether a process only looks after the container: conmon, and systemd-nspawn itself.
func isOutside(element, below string) bool {
	return strings.HasPrefix(element, "libpod-conmon-") || strings.HasPrefix(element, "crio-conmon-") || strings.HasPrefix(below, "/supervisor")
}

// makerByPath is who may make cgroups in one, told by its path alone: systemd gives a user
// what is below his manager, and a service may be given its own. It is for a file system of
// cgroups that cannot be seen.
func makerByPath(above string) (uid uint32, known bool) {
	for element := range strings.SplitSeq(above, "/") {
		if number, ok := strings.CutPrefix(element, "user-"); ok {
			if number, ok = strings.CutSuffix(number, ".slice"); ok {
				return parseUID(number)
			}
		}
		if isUnit(element) {
			return 0, false
		}
	}
	return 0, true
}
