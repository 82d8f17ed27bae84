package processes

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	deletedSuffix = " (deleted)" // added by d_path() in the kernel's fs/d_path.c
	memfdPrefix   = "/memfd:"    // added by memfd_create(2), mm/memfd.c
)

// place is a directory tree and what lies in it.
type place struct {
	directory string
	origin    model.Origin
}

// places are looked through in order; /dev/shm stands before /dev so that the
// group is named by the directory that people know.
func places() []place {
	return []place{
		{"/tmp", model.OriginTemp},
		{"/var/tmp", model.OriginTemp},
		{"/dev/shm", model.OriginTemp},
		{"/run/user", model.OriginTemp},
		{"/run/shm", model.OriginTemp},
		{"/dev", model.OriginTemp},
		{"/home", model.OriginHome},
		{"/root", model.OriginHome},
		{"/var/www", model.OriginWeb},
		{"/srv", model.OriginWeb},
		{"/usr/local", model.OriginLocal},
		{"/opt", model.OriginLocal},
		{"/usr", model.OriginSystem},
		{"/bin", model.OriginSystem},
		{"/sbin", model.OriginSystem},
		{"/lib", model.OriginSystem},
		{"/lib32", model.OriginSystem},
		{"/lib64", model.OriginSystem},
		{"/libx32", model.OriginSystem},
	}
}

// locate returns the place that a path lies in.
func locate(exe string) place {
	for _, p := range places() {
		if strings.HasPrefix(exe, p.directory) && len(exe) > len(p.directory) && exe[len(p.directory)] == '/' {
			return p
		}
	}
	return place{"other", model.OriginOther}
}

// classify returns the origin of an executable, and the directory that names
// its group where the base name must not.
func classify(exe string, deleted bool) (model.Origin, string) {
	if strings.HasPrefix(exe, memfdPrefix) && deleted {
		return model.OriginMemfd, "memfd"
	}
	p := locate(exe)
	if !deleted {
		return p.origin, p.directory
	}
	switch p.origin {
	case model.OriginTemp, model.OriginHome:
		return model.OriginDeleted, "deleted"
	default:
		return p.origin, p.directory
	}
}

// groupName is the label `process`. Where an attacker may drop files under any
// name, the content names the group, so that random names stay one group.
func groupName(origin model.Origin, directory, exe, sha256 string) string {
	switch origin {
	case model.OriginSystem, model.OriginLocal, model.OriginHome, model.OriginWeb:
		return path.Base(exe)
	case model.OriginKernel:
		return "kernel"
	case model.OriginUnreadable:
		return "unreadable"
	default:
		if len(sha256) < 6 {
			return directory + "#unread"
		}
		return directory + "#" + sha256[:6]
	}
}

// respawnKey is what makes two instances the same program: the path for what
// is installed, the content for all else. It is empty for what has none.
func respawnKey(origin model.Origin, exe, sha256 string) string {
	switch origin {
	case model.OriginSystem, model.OriginLocal:
		return exe
	case model.OriginKernel:
		return ""
	default:
		return sha256
	}
}
