package sockets

import (
	"bytes"
	"path/filepath"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const sockstatBytes = 4096

// emptyTables tells which of the tables of TCP have no line, by the count of sockets
// that the kernel keeps for each namespace (net/ipv4/proc.c, net/ipv6/proc.c). It
// costs a hundredth of reading the table. What cannot be read is not empty.
func emptyTables(directory string) map[string]bool {
	empty := map[string]bool{}
	for _, counted := range []struct{ table, file, label string }{{"tcp", "sockstat", "TCP:"}, {"tcp6", "sockstat6", "TCP6:"}} {
		content, err := hostfs.ReadStart(filepath.Join(directory, counted.file), sockstatBytes)
		if err == nil && inUse(content, counted.label) == "0" {
			empty[counted.table] = true
		}
	}
	return empty
}

// inUse reads `TCP: inuse 0 orphan 0 tw 0 alloc 12 mem 3`, or `TCP6: inuse 0`. Those
// in TIME_WAIT are not in use, and nobody listens at one.
func inUse(content []byte, label string) string {
	for line := range bytes.Lines(content) {
		name, rest := cutField(line)
		if string(name) != label {
			continue
		}
		key, rest := cutField(rest)
		if string(key) == "inuse" {
			return string(first(cutField(rest)))
		}
	}
	return ""
}
