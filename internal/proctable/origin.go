package proctable

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

const (
	deletedSuffix = " (deleted)" // added by d_path() in the kernel's fs/d_path.c
	memfdPrefix   = "/memfd:"    // added by memfd_create(2), mm/memfd.c
)

// place is a directory tree and what lies in it.
type place struct {
	directory string
	origin    host.Origin
}

// places are looked through in order; /dev/shm stands before /dev so that the
// group is named by the directory that people know.
func places() []place {
	return []place{
		{"/tmp", host.OriginTemp},
		{"/var/tmp", host.OriginTemp},
		{"/dev/shm", host.OriginTemp},
		{"/run/user", host.OriginTemp},
		{"/run/shm", host.OriginTemp},
		{"/dev", host.OriginTemp},
		{"/home", host.OriginHome},
		{"/root", host.OriginHome},
		{"/var/www", host.OriginWeb},
		{"/srv", host.OriginWeb},
		{"/usr/local", host.OriginLocal},
		{"/opt", host.OriginLocal},
		{"/usr", host.OriginSystem},
		{"/bin", host.OriginSystem},
		{"/sbin", host.OriginSystem},
		{"/lib", host.OriginSystem},
		{"/lib32", host.OriginSystem},
		{"/lib64", host.OriginSystem},
		{"/libx32", host.OriginSystem},
	}
}

// locate returns the place that a path lies in.
func locate(exe string) place {
	for _, p := range places() {
		if strings.HasPrefix(exe, p.directory) && len(exe) > len(p.directory) && exe[len(p.directory)] == '/' {
			return p
		}
	}
	return place{"other", host.OriginOther}
}

// classify returns the origin of an executable, and the directory that names
// its group where the base name must not.
func classify(exe string, deleted bool) (host.Origin, string) {
	if strings.HasPrefix(exe, memfdPrefix) && deleted {
		return host.OriginMemfd, "memfd"
	}
	p := locate(exe)
	if !deleted {
		return p.origin, p.directory
	}
	switch p.origin {
	case host.OriginTemp, host.OriginHome:
		return host.OriginDeleted, "deleted"
	default:
		return p.origin, p.directory
	}
}

// groupName is the label `process`. Where an attacker may drop files under any
// name, the content names the group, so that random names stay one group.
func groupName(origin host.Origin, directory, exe, sha256 string) string {
	switch origin {
	case host.OriginSystem, host.OriginLocal, host.OriginHome, host.OriginWeb:
		return path.Base(exe)
	case host.OriginKernel:
		return "kernel"
	case host.OriginUnreadable:
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
func respawnKey(origin host.Origin, exe, sha256 string) string {
	switch origin {
	case host.OriginSystem, host.OriginLocal:
		return exe
	case host.OriginKernel:
		return ""
	default:
		return sha256
	}
}
