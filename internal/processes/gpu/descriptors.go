package gpu

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	maxDescriptors = 1024 // looked at in one look at a process; the next goes on
	maxDevices     = 16   // of one process
	maxClients     = 128  // of one process, in one look
	// dots is what a directory of descriptors counts for . and .. before the first
	// (proc_readfd_common of fs/proc/fd.c): its offset is the descriptor and two.
	dots = 2
)

// Look is what one look at the descriptors of a process showed.
type Look struct {
	devices []string
	clients []usage
	next    int // the descriptor at which the next look begins; 0 if this one saw the last
}

// Read looks at the descriptors of a process from one of them on. Of a thorough look,
// names are not believed. It changes nothing, so that it may be left behind.
func (h *Holders) Read(pid, from int, thorough bool) (Look, error) {
	directory := filepath.Join(h.proc, strconv.Itoa(pid), "fd")
	names, err := descriptors(directory, from)
	if err != nil {
		return Look{}, err
	}
	var look Look
	var failed error
	for _, name := range names {
		link := directory + "/" + name
		target, err := readLink(link)
		if err != nil {
			failed = err
			continue
		}
		device := h.devices.deviceOf(link, target, thorough)
		if device == "" {
			continue
		}
		if !slices.Contains(look.devices, device) && len(look.devices) < maxDevices {
			look.devices = append(look.devices, device)
		}
		if kindOf(device) == kindRender && len(look.clients) < maxClients {
			look.addClient(filepath.Join(h.proc, strconv.Itoa(pid), "fdinfo", name))
		}
	}
	if len(names) == maxDescriptors {
		last, err := strconv.Atoi(names[len(names)-1])
		if err != nil {
			return Look{}, err
		}
		look.next = last + 1
	}
	if len(look.devices) > 0 {
		return look, nil // a descriptor that could not be read takes nothing from it
	}
	return look, failed
}

// descriptors lists at most maxDescriptors of a process in their order.
func descriptors(name string, from int) ([]string, error) {
	directory, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	if from > 0 {
		if _, err := directory.Seek(int64(from)+dots, io.SeekStart); err != nil {
			return nil, err
		}
	}
	var names []string
	for len(names) < maxDescriptors {
		more, err := directory.Readdirnames(maxDescriptors - len(names))
		names = append(names, more...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// addClient reads what a driver says of a descriptor. Drivers need not say anything.
func (l *Look) addClient(name string) {
	content, err := hostfs.ReadStart(name, maxInfoBytes)
	if err != nil {
		return
	}
	client, ok := parseInfo(content)
	if !ok || slices.ContainsFunc(l.clients, func(known usage) bool { return known.key == client.key }) {
		return
	}
	l.clients = append(l.clients, client)
}
