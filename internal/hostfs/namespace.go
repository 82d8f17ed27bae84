package hostfs

import (
	"os"
	"path/filepath"
	"strings"
)

// statusBytes is how much is read of /proc/PID/status: it may name 65,536 groups.
const statusBytes = 1 << 20

// NetNamespace returns the inode number that names the network namespace of a process,
// whose directory is /proc/PID: the number in `net:[4026531840]`. See namespaces(7).
func NetNamespace(process string) (string, error) {
	target, err := os.Readlink(filepath.Join(process, "ns/net"))
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimPrefix(target, "net:["), "]"), nil
}

// ShareNetNamespace tells whether two processes, named by their directories, share a network
// namespace. The links can be read by who may ptrace both; anybody else compares the inode
// of a file, which is the namespace's own (proc_register, fs/proc/generic.c).
func ShareNetNamespace(a, b string) bool {
	idA, errA := NetNamespace(a)
	idB, errB := NetNamespace(b)
	if errA == nil && errB == nil {
		return idA == idB
	}
	fileA, errA := os.Stat(filepath.Join(a, "net/tcp"))
	fileB, errB := os.Stat(filepath.Join(b, "net/tcp"))
	return errA == nil && errB == nil && os.SameFile(fileA, fileB)
}

// SharePIDNamespace tells whether a procfs numbers processes as this process' own pid namespace
// does, so that its numbers mean the same to the kernel. See NSpid in proc_pid_status(5).
func SharePIDNamespace(procfs string) bool {
	status, err := ReadStart(filepath.Join(procfs, "self/status"), statusBytes)
	if err != nil {
		return false // it has no number there
	}
	for line := range strings.Lines(string(status)) {
		if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return len(strings.Fields(numbers)) == 1
		}
	}
	return false
}
