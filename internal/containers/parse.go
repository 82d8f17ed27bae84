package containers

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// The files are written by runtimes, out of what whoever starts a container tells them, and those of a user are his
// own. So every name that is not as runtimes ask for is left out: what is left needs no escaping, neither for people
// nor for a shell, and cannot be taken for an option.
var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$`)
	imageForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,511}$`)
)

func fitName(name string) string {
	if !nameForm.MatchString(name) {
		return ""
	}
	return strings.Clone(name) // what is kept must not hold the whole file
}

func fitImage(image string) string {
	if !imageForm.MatchString(image) {
		return ""
	}
	return strings.Clone(image)
}

// texts are labels and annotations. They are looked up as they are written: a struct's fields would be found
// in any case of letters, and whoever starts a container adds keys of his own.
type texts map[string]json.RawMessage

func (t texts) text(key string) string {
	var text string
	if json.Unmarshal(t[key], &text) != nil {
		return "" // absent, or no text
	}
	return text
}

// setKubeName takes a pod's container from the name that kubelet's protocol has runtimes build: k8s_, container, pod,
// namespace, uid, attempt. An image can set labels, and a pod annotations, but neither this.
func setKubeName(c *model.Container, name string) bool {
	parts := strings.Split(name, "_")
	if len(parts) != 6 || parts[0] != "k8s" {
		return false
	}
	c.Name, c.KubePod, c.KubeNamespace = fitName(parts[1]), fitName(parts[2]), fitName(parts[3])
	if parts[1] == "POD" {
		c.Name = ""
	}
	return true
}

// parseDocker reads config.v2.json of Docker.
func parseDocker(content []byte) (model.Container, error) {
	var file struct {
		Name   string
		Config struct {
			Image  string
			Labels texts
		}
	}
	c := model.Container{Runtime: model.RuntimeDocker}
	if err := json.Unmarshal(content, &file); err != nil {
		return c, fmt.Errorf("parse it as JSON: %w", err)
	}
	c.Image = fitImage(file.Config.Image)
	name := strings.TrimPrefix(file.Name, "/")
	if setKubeName(&c, name) {
		return c, nil
	}
	c.Name = fitName(name)
	c.Project, c.Service = fitName(file.Config.Labels.text("com.docker.compose.project")), fitName(file.Config.Labels.text("com.docker.compose.service"))
	return c, nil
}

// parseBundle reads the annotations of an OCI bundle's config.json, as containerd, nerdctl and CRI-O write them.
func parseBundle(content []byte) (model.Container, error) {
	var file struct {
		Annotations texts
	}
	var c model.Container
	if err := json.Unmarshal(content, &file); err != nil {
		return c, fmt.Errorf("parse it as JSON: %w", err)
	}
	a := file.Annotations
	switch {
	case a.text("io.kubernetes.cri.container-type") != "":
		c = model.Container{
			Runtime: model.RuntimeContainerd, Name: fitName(a.text("io.kubernetes.cri.container-name")), Image: fitImage(a.text("io.kubernetes.cri.image-name")),
			KubeNamespace: fitName(a.text("io.kubernetes.cri.sandbox-namespace")), KubePod: fitName(a.text("io.kubernetes.cri.sandbox-name")),
		}
	case a.text("io.container.manager") == "cri-o":
		c = model.Container{Runtime: model.RuntimeCRIO, Image: fitImage(a.text("io.kubernetes.cri-o.ImageName"))}
		if !setKubeName(&c, a.text("io.kubernetes.cri-o.Name")) {
			c.KubeNamespace, c.KubePod = fitName(a.text("io.kubernetes.cri-o.Namespace")), fitName(a.text("io.kubernetes.cri-o.KubeName"))
		}
	case a.text("io.container.manager") == "libpod":
		c.Runtime = model.RuntimePodman // it writes the name elsewhere, see parseStorage
	case a.text("nerdctl/name") != "" || a.text("nerdctl/namespace") != "":
		c = model.Container{Runtime: model.RuntimeContainerd, Name: fitName(a.text("nerdctl/name"))}
	}
	return c, nil
}

// parseStorage reads containers.json of the storage that Podman, Buildah and CRI-O share.
func parseStorage(content []byte) (map[string]model.Container, error) {
	var list []struct {
		ID       string
		Names    []string
		Metadata string
	}
	if err := json.Unmarshal(content, &list); err != nil {
		return nil, fmt.Errorf("parse it as JSON: %w", err)
	}
	found := map[string]model.Container{}
	for i := range list {
		if len(found) == maxListed {
			break
		}
		if len(list[i].ID) != 64 || len(list[i].Names) == 0 {
			continue
		}
		var metadata texts
		if json.Unmarshal([]byte(list[i].Metadata), &metadata) != nil {
			metadata = nil // it has none
		}
		c := model.Container{Runtime: model.RuntimePodman, Image: fitImage(metadata.text("image-name"))}
		if setKubeName(&c, list[i].Names[0]) || metadata.text("pod-id") != "" {
			c.Runtime = model.RuntimeCRIO
		} else {
			c.Name = fitName(list[i].Names[0])
		}
		found[strings.Clone(list[i].ID)] = c
	}
	return found, nil
}

// logName is what kubelet calls a link to a container's log: pod, namespace and container, none of which may hold a `_`.
var logName = regexp.MustCompile(`^([^_]+)_([^_]+)_([^_]+)-([0-9a-f]{64})\.log$`)

// parseLogNames reads the names of /var/log/containers.
func parseLogNames(names []string) map[string]model.Container {
	found := map[string]model.Container{}
	for _, name := range names {
		if m := logName.FindStringSubmatch(name); m != nil {
			found[strings.Clone(m[4])] = model.Container{Name: fitName(m[3]), KubeNamespace: fitName(m[2]), KubePod: fitName(m[1])}
		}
	}
	return found
}

// isMachineContainer tells whether a file of /run/systemd/machines is that of a container and not of a virtual machine.
func isMachineContainer(content []byte) bool {
	for line := range strings.Lines(string(content)) {
		if strings.TrimSpace(line) == "CLASS=container" {
			return true
		}
	}
	return false
}

// parseDataRoot returns where daemon.json has Docker keep its files, or "".
func parseDataRoot(content []byte) (string, error) {
	var file texts
	if err := json.Unmarshal(content, &file); err != nil {
		return "", fmt.Errorf("parse it as JSON: %w", err)
	}
	if root := file.text("data-root"); strings.HasPrefix(root, "/") {
		return root, nil
	}
	if root := file.text("graph"); strings.HasPrefix(root, "/") { // as it was called before Docker 17.05
		return root, nil
	}
	return "", nil
}
