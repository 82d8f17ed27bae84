package files

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	executable = 2 // ET_EXEC
	dynamic    = 3 // ET_DYN
)

// elfFile is the head of a 64-bit little-endian ELF file of a type.
func elfFile(kind uint16, body string) string {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(head[16:], kind)
	return string(head) + body
}

// interpretedELF is an ET_DYN file whose second program header is PT_INTERP, in
// a byte order, of 32 or 64 bits.
func interpretedELF(order binary.ByteOrder, bits int) string {
	content := make([]byte, 256)
	copy(content, "\x7fELF")
	order.PutUint16(content[16:], dynamic)
	at := 64
	if bits == 64 {
		order.PutUint64(content[32:], 64)
		order.PutUint16(content[54:], 56)
		order.PutUint16(content[56:], 2)
		at += 56
	} else {
		order.PutUint32(content[28:], 64)
		order.PutUint16(content[42:], 32)
		order.PutUint16(content[44:], 2)
		at += 32
	}
	order.PutUint32(content[at:], 3)
	return string(content)
}

// fixture is a sensor on a root of its own.
type fixture struct {
	t       testing.TB
	root    string
	running map[model.FileID]string // with their paths
	hashes  map[string]bool
	options Options
	sensor  *Sensor
}

func newFixture(t testing.TB, limits Limits, directories ...string) *fixture {
	t.Helper()
	f := &fixture{t: t, root: t.TempDir(), running: map[model.FileID]string{}, hashes: map[string]bool{}}
	if len(directories) == 0 {
		directories = []string{"/tmp"}
	}
	for _, directory := range directories {
		f.must(os.MkdirAll(f.path(directory), 0o755))
	}
	setDefault(&limits.Share, 1) // no test is to wait for its budget
	setDefault(&limits.Burst, time.Hour)
	f.options = Options{
		Root: f.root, Directories: func() []string { return directories },
		KnownMiner: func(name string) bool { return name == "kdevtmpfsi" || name == "libsystem.so" },
		KnownHash:  func(sum string) bool { return f.hashes[sum] },
		Processes: func() *model.ProcessSnapshot {
			var processes model.ProcessSnapshot
			for id, path := range f.running {
				processes.Processes = append(processes.Processes, &model.Process{ExeFile: id, Exe: path, Origin: model.OriginTemp})
			}
			return &processes
		},
		UserName: func(uid uint32) string { return fmt.Sprint("user", uid) },
		Limits:   limits,
	}
	f.sensor = New(f.options)
	return f
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) path(name string) string { return filepath.Join(f.root, name) }

func (f *fixture) write(name, content string, mode fs.FileMode) {
	f.t.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	f.must(os.WriteFile(f.path(name), []byte(content), mode))
	f.must(os.Chmod(f.path(name), mode))
}

// run pretends that a process runs a file.
func (f *fixture) run(name string) {
	f.t.Helper()
	var stat unix.Stat_t
	f.must(unix.Stat(f.path(name), &stat))
	f.running[model.FileID{Dev: stat.Dev, Inode: stat.Ino}] = name
}

// sample scans and returns the reasons of the published files by path.
func (f *fixture) sample() map[string]model.FileReason {
	f.t.Helper()
	f.must(f.sensor.Sample(context.Background(), time.Unix(1, 0)))
	reasons := map[string]model.FileReason{}
	for _, file := range f.sensor.Snapshot().Files {
		reasons[file.Path] = file.Reason
	}
	return reasons
}

func (f *fixture) count(directory string, reason model.FileReason) int {
	return f.sensor.Snapshot().Counts[model.FileCount{Directory: directory, Reason: reason}]
}
