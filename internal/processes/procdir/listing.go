package procdir

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

// listingBuffer is how much of a directory is read at once, in bytes.
const listingBuffer = 64 << 10

// List returns the processes that the directory of a procfs lists, in order. It appends them to pids. It reads names
// only, as ls(1) and ps(1) do first.
func (r *Reader) List(pids []int) ([]int, error) {
	directory, err := unix.Open(r.Proc, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return pids, fmt.Errorf("open %s: %w", r.Proc, err)
	}
	defer func() { _ = unix.Close(directory) }()
	buffer := make([]byte, listingBuffer)
	for {
		n, err := unix.ReadDirent(directory, buffer)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return pids, fmt.Errorf("list %s: %w", r.Proc, err)
		case n <= 0:
			if !slices.IsSorted(pids) {
				slices.Sort(pids)
			}
			return pids, nil
		}
		pids = appendPIDs(pids, buffer[:n])
	}
}

// appendPIDs takes the names that are numbers out of entries of struct linux_dirent64 (getdents(2)).
func appendPIDs(pids []int, entries []byte) []int {
	const lengthAt, nameAt = 16, 19
	for len(entries) > nameAt {
		length := int(binary.NativeEndian.Uint16(entries[lengthAt:]))
		if length <= nameAt || length > len(entries) {
			return pids
		}
		pid := 0
		for _, digit := range entries[nameAt:length] {
			if digit == 0 {
				break
			}
			if digit < '0' || digit > '9' || pid > 1<<30 {
				pid = 0
				break
			}
			pid = pid*10 + int(digit-'0')
		}
		if pid > 0 {
			pids = append(pids, pid)
		}
		entries = entries[length:]
	}
	return pids
}

// IsShown tells whether a process has a directory in procfs. Where that cannot be told, it counts as shown.
func (r *Reader) IsShown(pid int) bool {
	var stat unix.Stat_t
	return !hostfs.Vanished(unix.Lstat(r.Path(pid, ""), &stat))
}

// HidesOthers tells whether procfs is mounted so that users see no processes but their own (hidepid of proc(5)).
func (r *Reader) HidesOthers() bool {
	mounts, err := r.mounts("self")
	if err != nil {
		return false
	}
	hides := false
	for m := range mounts {
		if m.Kind == "proc" && m.Root == "/" && (m.Point == strings.TrimSuffix(r.Proc, "/") || m.Point == "/proc") {
			hides = m.HidesOthers() // of several over each other the last
		}
	}
	return hides
}
