package model

// ContainerRuntime is what runs a container. The set is closed.
type ContainerRuntime string

// The runtimes whose files are read. That of a container of another one is "".
const (
	RuntimeDocker     ContainerRuntime = "docker"
	RuntimePodman     ContainerRuntime = "podman"
	RuntimeContainerd ContainerRuntime = "containerd"
	RuntimeCRIO       ContainerRuntime = "cri-o"
	RuntimeLXC        ContainerRuntime = "lxc"
	RuntimeNspawn     ContainerRuntime = "systemd-nspawn"
)

// Container is what is known of a container. It is never changed: what is known of it later is
// another one. Names hold letters, digits and `._-` only, those of images also `/:@+`, and
// begin with a letter or a digit; what has another form is left out.
type Container struct {
	ID      string // 64 hex; "" where its runtime gives none (LXC, systemd-nspawn)
	Runtime ContainerRuntime
	Name    string // that in its pod where it has one; "" for the container that only holds a pod's namespaces
	Image   string // as whoever started it wrote it
	Project string // of Compose, as is Service. An image can say this too: it is for people only
	Service string

	KubeNamespace, KubePod string

	// HostRuntime tells that a runtime of root's started it, so that no user of the host, and
	// no process in it, has named it.
	HostRuntime bool
	Owner       uint32 // the user whose runtime started it, without HostRuntime; 0 if that is not known
}

// ShortID is the first 12 digits of the id, as people and tools write it; "" without one. It may be
// asked of nil.
func (c *Container) ShortID() string {
	if c == nil {
		return ""
	}
	return c.ID[:min(12, len(c.ID))]
}

// Known tells whether more than the id is known. It may be asked of nil.
func (c *Container) Known() bool { return c != nil && (c.Name != "" || c.KubePod != "") }

// Title is what people call it: its name, with its pod where it has one, or the beginning of its id. It may be asked of nil.
func (c *Container) Title() string {
	switch {
	case !c.Known():
		return c.ShortID()
	case c.KubePod == "":
		return c.Name
	case c.Name == "":
		return "of the pod " + c.KubeNamespace + "/" + c.KubePod
	default:
		return c.Name + " of the pod " + c.KubeNamespace + "/" + c.KubePod
	}
}

// WholeSystem tells whether it is one with an init and services of its own. It may be asked of nil.
func (c *Container) WholeSystem() bool {
	return c != nil && (c.Runtime == RuntimeLXC || c.Runtime == RuntimeNspawn)
}
