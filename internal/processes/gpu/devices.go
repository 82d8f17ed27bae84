// Package gpu finds the processes that hold a GPU open, and counts the time that
// they keep it busy as far as its driver says. On a host without a GPU it does
// nothing but look for one, once a minute.
package gpu

import (
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	lookPause = time.Minute // between two looks for device nodes
	lookTime  = time.Second
	maxNames  = 4096 // read of one directory of device nodes

	devicePrefix = "/dev/"
	renderPrefix = "/dev/dri/renderD" // of drivers/gpu/drm/drm_drv.c
	cardPrefix   = "/dev/dri/card"
	// leastMajor is below all major numbers of GPUs: 195 of NVIDIA, 226 of DRM
	// (Documentation/admin-guide/devices.txt), and those that are given out at run time.
	leastMajor = 128
)

// devices are the nodes of GPUs of a host.
type devices struct {
	root    string
	guard   *hostfs.Guard
	looked  time.Time
	present bool
	numbers map[uint64]string // names by device number, to know a node under another name
}

// look finds the nodes below the root's /dev, unless it did within the last minute.
// What cannot be read leaves what was known.
func (d *devices) look(now time.Time) {
	if !d.looked.IsZero() && now.Sub(d.looked) < lookPause {
		return
	}
	d.looked = now
	root := d.root
	numbers, err := hostfs.Within(d.guard, lookTime, func() (map[uint64]string, error) { return nodes(root) })
	if err != nil {
		return
	}
	d.numbers, d.present = numbers, len(numbers) > 0
}

// nodes returns the device numbers and names of the GPUs below a root. A node that
// is none is listed all the same: some hosts are made of files.
func nodes(name string) (map[uint64]string, error) {
	root, err := hostfs.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	found := map[uint64]string{}
	for _, directory := range []string{"/dev", "/dev/dri"} {
		if err := nodesIn(root, directory, found); err != nil && !hostfs.Vanished(err) {
			return nil, err
		}
	}
	return found, nil
}

func nodesIn(root *hostfs.Root, name string, found map[uint64]string) error {
	directory, err := root.Directory(name)
	if err != nil {
		return err
	}
	defer directory.Close()
	for range maxNames / 256 {
		names, err := directory.Readdirnames(256)
		for _, base := range names {
			device := path.Join(name, base)
			if kindOf(device) == kindNone || strings.HasPrefix(device, cardPrefix) {
				continue // a card alone is a display
			}
			var stat unix.Stat_t
			if unix.Fstatat(int(directory.Fd()), base, &stat, unix.AT_SYMLINK_NOFOLLOW) == nil && stat.Mode&unix.S_IFMT != unix.S_IFDIR {
				found[stat.Rdev] = device
			}
		}
		if err != nil || len(names) == 0 {
			return nil // the end
		}
	}
	return nil
}

// kind is what a node is for.
type kind uint8

const (
	kindNone    kind = iota
	kindDisplay      // NVIDIA's /dev/nvidia0, nvidiactl and nvidia-modeset: whatever draws holds them
	kindRender       // of DRM: it draws, decodes or computes, and fdinfo tells which
	kindCompute      // CUDA and OpenCL of NVIDIA (nvidia-uvm), ROCm of AMD (kfd): nothing else needs them
)

// kindOf knows the names of the nodes.
func kindOf(name string) kind {
	base, ok := strings.CutPrefix(name, devicePrefix)
	switch {
	case !ok:
		return kindNone
	case base == "kfd", base == "nvidia-uvm", base == "nvidia-uvm-tools":
		return kindCompute
	case base == "nvidiactl", base == "nvidia-modeset":
		return kindDisplay
	case strings.HasPrefix(name, renderPrefix) && isNumber(name[len(renderPrefix):]), strings.HasPrefix(name, cardPrefix) && isNumber(name[len(cardPrefix):]):
		return kindRender
	case strings.HasPrefix(base, "nvidia") && isNumber(base[len("nvidia"):]):
		return kindDisplay
	default:
		return kindNone
	}
}

func isNumber(s string) bool {
	return s != "" && len(s) < 6 && strings.Trim(s, "0123456789") == ""
}

// deviceOf returns the name of the GPU that a descriptor is of, or "". Names are
// enough for most. Of thorough ones, what lies behind another name is asked too: in
// a mount namespace of one's own a node can be mounted anywhere. Neither opens the
// file, and a file system that does not answer is not asked (AT_STATX_DONT_SYNC).
func (d *devices) deviceOf(link, target string, thorough bool) string {
	if kindOf(target) != kindNone {
		return target
	}
	if !thorough || !strings.HasPrefix(target, "/") {
		return ""
	}
	var stat unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, link, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &stat) != nil ||
		stat.Mode&unix.S_IFMT != unix.S_IFCHR || stat.Rdev_major < leastMajor {
		return ""
	}
	return d.numbers[unix.Mkdev(stat.Rdev_major, stat.Rdev_minor)]
}

// readLink returns the target of a descriptor, "" if it was closed meanwhile.
func readLink(name string) (string, error) {
	target, err := os.Readlink(name)
	if err != nil && hostfs.Vanished(err) {
		return "", nil
	}
	return target, err
}
