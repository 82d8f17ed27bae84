package containers

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxDirectories are looked into: namespaces of containerd, directories of Docker for remapped users.
const maxDirectories = 32

// source is the file that an answer was found in; zero for none.
type source struct {
	name string
	key  hostfs.ContentKey
}

// list is what one file, or directory, says of many containers. It is never changed.
type list struct {
	key        hostfs.ContentKey
	containers map[string]model.Container // by id
}

// answer is what a lookup has found.
type answer struct {
	container *model.Container // nil: it is none, but a virtual machine
	source    source
	same      bool             // the source has not changed, and the rest is left out
	lists     map[string]*list // those that were read
	failures  []error          // of files that are there
}

// lookup looks one container up. It changes nothing that others see, so that it can be left behind.
type lookup struct {
	cgroup
	files files
	home  func(uid uint32) string
	known map[string]*list
	answer
}

// run looks whether the source has changed since the last answer, and if it has, for all that is known.
func (l *lookup) run(root string, before source) (answer, error) {
	opened, err := hostfs.OpenRoot(root)
	if err != nil {
		return answer{}, err
	}
	defer opened.Close()
	l.files.root = opened
	c := model.Container{ID: l.id, Runtime: l.runtime}
	owner, known := l.maker()
	if !known {
		l.container = &c
		return l.answer, nil
	}
	c.Owner, c.HostRuntime = owner, owner == 0
	l.files.owner = owner
	if before.name != "" {
		if key, err := l.files.key(before.name); err == nil && key == before.key {
			l.source, l.same = before, true
			return l.answer, nil
		}
	}
	switch {
	case l.runtime == model.RuntimeNspawn && !l.isContainer():
		return l.answer, nil
	case l.machine != "":
		c.Name = fitName(l.machine)
	case owner == 0:
		l.ofHost(&c)
	default:
		l.ofUser(&c)
	}
	l.container = &c
	return l.answer, nil
}

// hierarchies are where the file systems of cgroups(7) may be mounted: the unified one, that of systemd, and, where
// neither is, controllers of version 1.
var hierarchies = []string{"", "/unified", "/systemd", "/memory", "/pids"}

// maker is who may make cgroups where that of the container was made, and so is who has named it: the owner of the cgroup
// above. That of the container itself may have been given to whoever is in it.
func (l *lookup) maker() (uid uint32, known bool) {
	for _, hierarchy := range hierarchies {
		file, err := l.files.root.File(path.Join("sys/fs/cgroup"+hierarchy, l.path), unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			continue
		}
		file.Close()
		if file, err = l.files.root.File(path.Join("sys/fs/cgroup"+hierarchy, l.above), unix.O_PATH|unix.O_DIRECTORY); err != nil {
			continue
		}
		stat, err := hostfs.Stat(file)
		file.Close()
		if err != nil {
			continue
		}
		return stat.Uid, stat.Mode&(unix.S_IWGRP|unix.S_IWOTH) == 0
	}
	return makerByPath(l.above)
}

// isContainer asks systemd-machined's files whether a machine is no virtual one.
func (l *lookup) isContainer() bool {
	content, _, err := l.files.read(path.Join("run/systemd/machines", l.machine), maxFile)
	l.note(err)
	if err != nil {
		return strings.HasPrefix(path.Base(l.path), "systemd-nspawn@")
	}
	return isMachineContainer(content)
}

// ofHost looks through the files of root's runtimes.
func (l *lookup) ofHost(c *model.Container) {
	for _, ask := range []func(*model.Container) bool{l.docker, l.containerd, l.storage, l.crio, l.kubelet} {
		if ask(c) {
			return
		}
	}
}

// ofUser looks through those of a user, who has no part in Kubernetes.
func (l *lookup) ofUser(c *model.Container) {
	home := l.home(l.files.owner)
	if home == "" {
		return
	}
	data := path.Join(home, ".local/share")
	if l.single(c, path.Join(data, "docker/containers", l.id, "config.v2.json"), parseDocker) || l.stored(c, path.Join(data, "containers/storage")) {
		if c.KubePod != "" {
			c.Name, c.KubePod, c.KubeNamespace = "", "", ""
		}
	}
}

// note keeps why a file that is there was of no use.
func (l *lookup) note(err error) {
	if err != nil && !hostfs.Vanished(err) && !errors.Is(err, unix.ENOTDIR) {
		l.failures = append(l.failures, err)
	}
}

// take adds what a file says of the container, and tells whether that is enough.
func (l *lookup) take(c *model.Container, found model.Container, from source) bool {
	if found.Runtime != "" {
		c.Runtime = found.Runtime
	}
	c.Image, c.Name, c.Project, c.Service = found.Image, found.Name, found.Project, found.Service
	c.KubeNamespace, c.KubePod = found.KubeNamespace, found.KubePod
	if !c.Known() {
		return false
	}
	l.source = from
	return true
}

// single asks a file that is about one container.
func (l *lookup) single(c *model.Container, name string, parse func([]byte) (model.Container, error)) bool {
	content, key, err := l.files.read(name, maxFile)
	if err != nil {
		l.note(err)
		return false
	}
	found, err := parse(content)
	if err != nil {
		l.note(failed(name, err))
		return false
	}
	return l.take(c, found, source{name, key})
}

// remapped is what Docker calls its files for users that it has remapped.
var remapped = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

func (l *lookup) docker(c *model.Container) bool {
	for _, data := range l.dockerData() {
		config := path.Join("containers", l.id, "config.v2.json")
		if l.single(c, path.Join(data, config), parseDocker) {
			return true
		}
		for _, name := range l.directories(data, remapped) {
			if l.single(c, path.Join(data, name, config), parseDocker) {
				return true
			}
		}
	}
	return false
}

// dockerData are the directories that Docker may keep its files in.
func (l *lookup) dockerData() []string {
	usual := []string{"/var/lib/docker", "/var/snap/docker/common/var-lib-docker"}
	const name = "/etc/docker/daemon.json"
	content, _, err := l.files.read(name, maxFile)
	if err != nil {
		l.note(err)
		return usual
	}
	data, err := parseDataRoot(content)
	if err != nil {
		l.note(failed(name, err))
	}
	if data == "" {
		return usual
	}
	return append([]string{data}, usual...)
}

// namespace is one of containerd.
var namespace = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

func (l *lookup) containerd(c *model.Container) bool {
	for _, state := range []string{"/run/containerd", "/run/k3s/containerd", "/var/snap/microk8s/common/run/containerd"} {
		tasks := path.Join(state, "io.containerd.runtime.v2.task")
		for _, name := range l.directories(tasks, namespace) {
			if l.single(c, path.Join(tasks, name, l.id, "config.json"), parseBundle) {
				return true
			}
		}
	}
	return false
}

func (l *lookup) crio(c *model.Container) bool {
	return l.single(c, path.Join("/run/containers/storage/overlay-containers", l.id, "userdata/config.json"), parseBundle)
}

// graphRoot is the line of storage.conf(5) that says where the storage is.
var graphRoot = regexp.MustCompile(`(?m)^\s*graphroot\s*=\s*"(/[^"\n]*)"`)

func (l *lookup) storage(c *model.Container) bool {
	content, _, err := l.files.read("/etc/containers/storage.conf", maxFile)
	l.note(err)
	if m := graphRoot.FindSubmatch(content); m != nil && l.stored(c, string(m[1])) {
		return true
	}
	return l.stored(c, "/var/lib/containers/storage")
}

// stored asks the lists of the storage of Podman and CRI-O. Those that `podman run --rm` starts are in a second one.
func (l *lookup) stored(c *model.Container, storage string) bool {
	for _, driver := range []string{"overlay", "vfs", "btrfs", "zfs"} {
		for _, name := range []string{"containers.json", "volatile-containers.json"} {
			file := path.Join(storage, driver+"-containers", name)
			if l.listed(c, file, func() (*list, error) {
				limit := int64(maxList)
				if l.files.owner != 0 {
					limit = maxUserList
				}
				content, key, err := l.files.read(file, limit)
				if err != nil {
					return nil, err
				}
				containers, err := parseStorage(content)
				if err != nil {
					return nil, failed(file, err)
				}
				return &list{key, containers}, nil
			}) {
				return true
			}
		}
	}
	return false
}

// kubelet asks its links to the logs of containers, which say nothing of an image.
func (l *lookup) kubelet(c *model.Container) bool {
	const name = "/var/log/containers"
	return l.listed(c, name, func() (*list, error) {
		key, err := l.files.key(name)
		if err != nil {
			return nil, err
		}
		names, err := l.files.names(name)
		if err != nil {
			return nil, err
		}
		return &list{key, parseLogNames(names)}, nil
	})
}

// listed asks a list that is about many containers. It is read again only if it has changed.
func (l *lookup) listed(c *model.Container, name string, read func() (*list, error)) bool {
	key, err := l.files.key(name)
	if err != nil {
		l.note(err)
		return false
	}
	all := l.known[name]
	if all == nil || all.key != key {
		if all, err = read(); err != nil {
			l.note(err)
			return false
		}
		if l.lists == nil {
			l.lists = map[string]*list{}
		}
		l.lists[name] = all
	}
	found, ok := all.containers[l.id]
	return ok && l.take(c, found, source{name, all.key})
}

// directories lists the names of that form in a directory.
func (l *lookup) directories(name string, form *regexp.Regexp) []string {
	names, err := l.files.names(name)
	if err != nil {
		l.note(err)
		return nil
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !form.MatchString(name) })
	slices.Sort(names)
	return names[:min(len(names), maxDirectories)]
}
