package forward

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	cniFiles = 1024
	cniBytes = 256 << 10 // of one file
	cniTime  = time.Second
)

var errCNI = fmt.Errorf("%w: the cache of CNI has more or larger files", hostfs.ErrLimit)

// cniReader reads what libcni remembers of the containers that it has set up
// (cniCacheV1, libcni/api.go).
type cniReader struct {
	root      string
	guard     *hostfs.Guard
	cached    []model.PortForward
	notBefore time.Time
}

func newCNIReader(root string) *cniReader {
	return &cniReader{root: root, guard: hostfs.NewGuard(1)}
}

// read returns the ports that are forwarded. It goes to the disk every readEvery.
func (c *cniReader) read(now time.Time) ([]model.PortForward, error) {
	if now.Before(c.notBefore) {
		return c.cached, nil
	}
	c.notBefore = now.Add(readEvery)
	found, err := hostfs.Within(c.guard, cniTime, func() (all []model.PortForward, failed error) {
		root, err := hostfs.OpenRoot(c.root)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		end := time.Now().Add(cniTime)
		for _, directory := range []string{"var/lib/cni/results", "var/lib/cni/networks"} {
			found, err := readCNIDirectory(root, directory, 1, end)
			all, failed = append(all, found...), errors.Join(failed, err)
		}
		return all, failed
	})
	if !errors.Is(err, hostfs.ErrTimeout) {
		c.cached = found
	}
	return c.cached, err
}

// readCNIDirectory reads the files of a directory and of as many levels below it. A
// link among them is not followed: libcni makes none.
func readCNIDirectory(
	root *hostfs.Root, name string, levels int, end time.Time,
) (found []model.PortForward, err error) {
	directory, err := root.Directory(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer directory.Close()
	names, err := directory.Readdirnames(cniFiles)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if len(names) == cniFiles {
		err = errCNI
	}
	for _, entry := range names {
		if time.Now().After(end) {
			return found, hostfs.ErrTimeout
		}
		var stat unix.Stat_t
		if unix.Fstatat(int(directory.Fd()), entry, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil {
			continue // it was removed in between
		}
		var more []model.PortForward
		var readErr error
		switch kind := stat.Mode & unix.S_IFMT; {
		case kind == unix.S_IFDIR && levels > 0:
			more, readErr = readCNIDirectory(root, path.Join(name, entry), levels-1, end)
		case kind == unix.S_IFREG:
			more, readErr = readCNIFile(root, path.Join(name, entry))
		}
		found, err = append(found, more...), errors.Join(err, readErr)
	}
	return found, err
}

// readCNIFile reads a file. One that was removed in between has nothing to say.
func readCNIFile(root *hostfs.Root, name string) ([]model.PortForward, error) {
	file, err := root.Regular(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, cniBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(content) > cniBytes {
		return nil, errCNI
	}
	return parseCNI(content), nil
}

// parseCNI reads one file of the cache. The directory of networks holds other files
// beside them, which name no port.
func parseCNI(content []byte) (found []model.PortForward) {
	type ipConfig struct {
		Address string `json:"address"`
		IP      string `json:"ip"` // before version 0.3
	}
	var cached struct {
		CapabilityArgs struct {
			PortMappings []struct {
				HostPort      uint16 `json:"hostPort"`
				ContainerPort uint16 `json:"containerPort"`
				Protocol      string `json:"protocol"`
				HostIP        string `json:"hostIP"`
			} `json:"portMappings"`
		} `json:"capabilityArgs"`
		Result struct {
			IPs []ipConfig `json:"ips"`
			IP4 ipConfig   `json:"ip4"`
			IP6 ipConfig   `json:"ip6"`
		} `json:"result"`
	}
	if json.Unmarshal(content, &cached) != nil {
		return nil
	}
	for _, ip := range append(cached.Result.IPs, cached.Result.IP4, cached.Result.IP6) {
		prefix, err := netip.ParsePrefix(ip.Address + ip.IP)
		if err != nil {
			continue
		}
		target := prefix.Addr().Unmap()
		for _, mapping := range cached.CapabilityArgs.PortMappings {
			protocol := model.Protocol(strings.ToLower(mapping.Protocol))
			from := everywhere(target)
			if mapping.HostIP != "" {
				if from, err = netip.ParseAddr(mapping.HostIP); err != nil || from.Unmap().Is4() != target.Is4() {
					continue
				}
			}
			if protocol != model.TCP && protocol != model.UDP {
				continue
			}
			if mapping.HostPort == 0 || mapping.ContainerPort == 0 || len(found) == maxForwards {
				continue
			}
			found = append(found, model.PortForward{
				Protocol: protocol, Via: model.ForwarderCNI,
				Host:   netip.AddrPortFrom(from.Unmap().WithZone(""), mapping.HostPort),
				Target: netip.AddrPortFrom(target, mapping.ContainerPort),
			})
		}
	}
	return found
}

// everywhere is the wildcard of an address' family.
func everywhere(address netip.Addr) netip.Addr {
	if address.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
