package sockets

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
)

const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// line writes one socket as the kernel does (net/ipv4/tcp_ipv4.c).
func line(local string, port uint16, remotePort uint16, state, inode int) string {
	remote := strings.Repeat("0", len(local))
	return fmt.Sprintf("   0: %s:%04X %s:%04X %02X 00000000:00000000 00:00000000 00000000  1000        0 %d 1 0 100 0 0 10 0\n",
		local, port, remote, remotePort, state, inode)
}

// fakeProc is a procfs made of files.
type fakeProc struct {
	t    testing.TB
	root string
}

func (f fakeProc) write(name, content string) {
	f.t.Helper()
	path := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// process adds a process that holds sockets.
func (f fakeProc) process(pid, start int, exe string, argv []string, inodes ...int) {
	f.t.Helper()
	if err := os.RemoveAll(filepath.Join(f.root, strconv.Itoa(pid))); err != nil {
		f.t.Fatal(err)
	}
	f.write(fmt.Sprintf("%d/stat", pid), fmt.Sprintf("%d (p%d) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 0%s\n", pid, pid, start, strings.Repeat(" 0", 27)))
	f.write(fmt.Sprintf("%d/cmdline", pid), strings.Join(argv, "\x00")+"\x00")
	fds := filepath.Join(f.root, strconv.Itoa(pid), "fd")
	if err := os.MkdirAll(fds, 0o755); err != nil {
		f.t.Fatal(err)
	}
	f.link(exe, filepath.Join(f.root, strconv.Itoa(pid), "exe"))
	f.link("/dev/null", filepath.Join(fds, "0"))
	for i, inode := range inodes {
		f.link(socketName(uint64(inode)), filepath.Join(fds, strconv.Itoa(3+i)))
	}
}

func (f fakeProc) link(target, name string) {
	f.t.Helper()
	os.Remove(name)
	if err := os.Symlink(target, name); err != nil {
		f.t.Fatal(err)
	}
}

func newCatalogue(t testing.TB, extra ...catalogue.Service) *catalogue.Catalogue {
	t.Helper()
	known, err := catalogue.New(extra...)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func newSensor(t testing.TB, proc string, ownPID int, kernel ...Kernel) *Sensor {
	t.Helper()
	known := newCatalogue(t)
	o := Options{Proc: proc, Root: proc, Catalogue: func() *catalogue.Catalogue { return known }, OwnPID: ownPID}
	if len(kernel) > 0 {
		o.Kernel = kernel[0]
	}
	return New(o)
}
