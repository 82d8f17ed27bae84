package sockets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
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
	directories []string
	guard       *hostfs.Guard
	cached      []model.PortForward
	notBefore   time.Time
}

func newCNIReader(root string) *cniReader {
	directory := func(name string) string { return filepath.Join(root, "var/lib/cni", name) }
	return &cniReader{guard: hostfs.NewGuard(1), directories: []string{directory("results"), directory("networks")}}
}

// read returns the ports that are forwarded. It goes to the disk every 30 s.
func (c *cniReader) read(now time.Time) ([]model.PortForward, error) {
	if now.Before(c.notBefore) {
		return c.cached, nil
	}
	c.notBefore = now.Add(rulesRest)
	found, err := hostfs.Within(c.guard, cniTime, func() (all []model.PortForward, failed error) {
		end := time.Now().Add(cniTime)
		for _, directory := range c.directories {
			found, err := readCNIDirectory(directory, 1, end)
			all, failed = append(all, found...), errors.Join(failed, err)
		}
		return all, failed
	})
	if !errors.Is(err, hostfs.ErrTimeout) {
		c.cached = found
	}
	return c.cached, err
}

// readCNIDirectory reads the files of a directory and of as many levels below it.
// No link is followed.
func readCNIDirectory(name string, levels int, end time.Time) (found []model.PortForward, err error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	directory := os.NewFile(uintptr(fd), name)
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
		content, readErr := readRegular(fd, entry)
		switch {
		case errors.Is(readErr, unix.EISDIR):
			if levels > 0 {
				more, moreErr := readCNIDirectory(filepath.Join(name, entry), levels-1, end)
				found, err = append(found, more...), errors.Join(err, moreErr)
			}
		case readErr != nil && !errors.Is(readErr, fs.ErrNotExist):
			err = errors.Join(err, readErr)
		default:
			found = append(found, parseCNI(content)...)
		}
	}
	return found, err
}

// readRegular reads a file. What is no regular file reads as ErrNotExist.
func readRegular(directory int, name string) ([]byte, error) {
	fd, err := unix.Openat(directory, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, unix.EISDIR
	case !info.Mode().IsRegular():
		return nil, fs.ErrNotExist
	case info.Size() > cniBytes:
		return nil, errCNI
	}
	return io.ReadAll(io.LimitReader(file, cniBytes))
}

// parseCNI reads one file of the cache. The directory of networks holds others
// beside them, which tell nothing.
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
			if protocol != model.TCP && protocol != model.UDP || mapping.HostPort == 0 || mapping.ContainerPort == 0 || len(found) == maxPublications {
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
