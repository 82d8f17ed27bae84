package hostfs

import (
	"os"
	"path/filepath"
	"strings"
)

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
