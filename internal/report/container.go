package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// containerText says which container a process is in, "" for none. id is that of its cgroup.
func containerText(c *model.Container, id string) string {
	if !c.Known() {
		return text.Escape(id)
	}
	details := []string{}
	add := func(before, value string) {
		if value != "" {
			details = append(details, before+text.Escape(value))
		}
	}
	add("", strings.TrimSpace(string(c.Runtime)+" "+c.ShortID()))
	add("image ", c.Image)
	add("compose project ", c.Project)
	if !c.HostRuntime {
		add("of user ", strconv.FormatUint(uint64(c.Owner), 10))
	}
	return containerName(c, id) + " (" + strings.Join(details, ", ") + ")"
}

// containerName is what people call a container.
func containerName(c *model.Container, id string) string {
	if !c.Known() {
		return text.Label(id)
	}
	return text.Label(c.Title())
}

func podName(c *model.Container) string { return text.Label(c.KubeNamespace + "/" + c.KubePod) }

// isContained tells whether a process has its files from a container.
func isContained(p *model.Process) bool {
	return p.Isolation == model.IsolationContainer || p.ContainerID != ""
}

// infested is a container in which suspects run.
type infested struct {
	key      string
	process  *model.Process // one of them
	last     *model.Finding // that is about one of them
	programs []string       // escaped
}

// maxPrograms is how many are named of those in one container.
const maxPrograms = 4

// contain notes that a suspect is in a container: what it left there is not found by its path on the host.
func (p *planner) contain(process *model.Process) {
	key := cmp.Or(process.ContainerID, process.MountNS, strconv.Itoa(process.PID))
	at := slices.IndexFunc(p.infested, func(i infested) bool { return i.key == key })
	if at < 0 {
		at = len(p.infested)
		p.infested = append(p.infested, infested{key: key, process: process})
	}
	p.infested[at].last = p.about
	p.infested[at].programs = appendNew(p.infested[at].programs, text.Label(subject(process)))
}

// replaceContainers is about the containers that suspects run in, once for each.
func (p *planner) replaceContainers() {
	for i := range p.infested {
		in := &p.infested[i]
		p.about = in.last
		p.say(phaseContainers, in.title(), stopContainer(in.process.Container))
	}
}

func (i *infested) title() string {
	programs := strings.Join(i.programs[:min(len(i.programs), maxPrograms)], ", ")
	if more := len(i.programs) - maxPrograms; more > 0 {
		programs += fmt.Sprintf(" and %d more", more)
	}
	c := i.process.Container
	image := "its image"
	if c.Known() && c.Image != "" {
		image = "the image " + text.Label(c.Image)
	}
	where := fmt.Sprintf(" The host sees its files below /proc/%d/root.", i.process.PID)
	switch {
	case c.WholeSystem():
		return fmt.Sprintf("Look after %s as after a host of its own, unless %s in it is known to its owner: what starts it again is in there.%s", containerText(c, ""), programs, where)
	case c.Known() && c.KubePod != "":
		return fmt.Sprintf("Delete the pod %s, unless %s in its container %s is known to its owner. What made the pod makes another one: see first whether %s brings it, and how else it came in.%s",
			podName(c), programs, containerText(c, ""), image, where)
	case c.Known():
		later := ""
		if c.Runtime == model.RuntimeDocker || c.Runtime == model.RuntimePodman {
			later = ", and the diff tells what was put in later"
		}
		return fmt.Sprintf("Stop the container %s, unless %s in it is known to its owner; %s is suspect as long as nobody knows how it came in%s. Start it again from a clean image.%s",
			containerText(c, ""), programs, image, later, where)
	}
	id := text.Label(i.process.ContainerID)
	if id == "" {
		id = "of pid " + strconv.Itoa(i.process.PID)
	}
	return fmt.Sprintf("Replace the container %s by one from a clean image, unless %s in it is known to its owner.%s", id, programs, where)
}

// stopContainer is the command that ends a container, "" where none is known. Names are somebody's choice and may be those
// of another one by now, so that it goes by the whole id; of a pod it is looked for in what the cluster knows of the pod.
func stopContainer(c *model.Container) string {
	if !c.Known() || c.ID == "" {
		return ""
	}
	user := strconv.FormatUint(uint64(c.Owner), 10)
	switch {
	case c.KubePod != "":
		pod := fmt.Sprintf("kubectl -n %s", shellWord(c.KubeNamespace))
		return fmt.Sprintf("%s get pod %s -o jsonpath='{.status}' | grep -qF %s && %s delete pod %s", pod, shellWord(c.KubePod), c.ID, pod, shellWord(c.KubePod))
	case c.Runtime == model.RuntimeDocker && c.HostRuntime:
		return diffAndStop("docker", c)
	case c.Runtime == model.RuntimeDocker:
		return diffAndStop("docker -H unix:///run/user/"+user+"/docker.sock", c)
	case c.Runtime == model.RuntimePodman && c.HostRuntime:
		return diffAndStop("podman", c)
	case c.Runtime == model.RuntimePodman:
		return fmt.Sprintf(`(cd / && runuser -u "$(id -nu %s)" -- env XDG_RUNTIME_DIR=/run/user/%s sh -c 'podman diff %s; podman stop %s')`, user, user, c.ID, c.ID)
	case c.Runtime == model.RuntimeCRIO:
		return "crictl stop " + c.ID
	default:
		return ""
	}
}

// diffAndStop lists what differs from the image, before it ends a container.
func diffAndStop(tool string, c *model.Container) string {
	return tool + " diff " + c.ID + "\n" + tool + " stop " + c.ID
}

// jsonContainer is what is known of a container.
type jsonContainer struct {
	ID             string  `json:"id"` // 64 hex; "" for LXC and systemd-nspawn
	Runtime        string  `json:"runtime"`
	Name           string  `json:"name"` // in its pod where it has one
	Image          string  `json:"image"`
	ComposeProject string  `json:"compose_project"`
	ComposeService string  `json:"compose_service"`
	KubeNamespace  string  `json:"kube_namespace"`
	KubePod        string  `json:"kube_pod"`
	UID            *uint32 `json:"uid,omitempty"` // whose runtime started it; nothing for the host's own
}

func newJSONContainer(c *model.Container) *jsonContainer {
	if c == nil {
		return nil
	}
	out := &jsonContainer{
		ID: text.Escape(c.ID), Runtime: string(c.Runtime), Name: text.Escape(c.Name), Image: text.Escape(c.Image),
		ComposeProject: text.Escape(c.Project), ComposeService: text.Escape(c.Service), KubeNamespace: text.Escape(c.KubeNamespace), KubePod: text.Escape(c.KubePod),
	}
	if !c.HostRuntime && c.Owner != 0 {
		out.UID = &c.Owner
	}
	return out
}
