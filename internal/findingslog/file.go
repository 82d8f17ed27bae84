package findingslog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/ecs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/events"
)

// Sink is where a log goes: one of File, Stream and Journal.
type Sink struct {
	sink sink
	// Descriptor is the file's, so that it can be given to the user that this program will run as; nil for others.
	Descriptor *os.File
}

// file is appended to, one write(2) for each line, so that a program which cuts it off (copytruncate of logrotate(8)) leaves no hole.
type file struct {
	path string
	open *os.File
	torn bool // the last line was not written to its end
}

// File opens a file to append to, and makes it if need be, for its owner alone.
func File(name string) (Sink, error) {
	absolute, err := filepath.Abs(name)
	if err != nil {
		return Sink{}, fmt.Errorf("open the log of findings: %w", err)
	}
	opened, err := openAppending(absolute)
	if err != nil {
		return Sink{}, fmt.Errorf("open the log of findings: %w", err)
	}
	return Sink{sink: &file{path: absolute, open: opened}, Descriptor: opened}, nil
}

// openAppending goes through openat2(2), the one way to open for writing that the program does not refuse itself
// (privileges.Filter): what it may open by it is up to the user that it runs as by then. It follows no link at the end.
func openAppending(name string) (*os.File, error) {
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	fd, err := unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{Flags: flags, Mode: 0o600, Resolve: unix.RESOLVE_NO_MAGICLINKS})
	if errors.Is(err, unix.ENOSYS) { // before Linux 5.6
		fd, err = unix.Open(name, flags, 0o600)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	opened := os.NewFile(uintptr(fd), name)
	stat, err := opened.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file; for standard output give -", name)
	}
	if err != nil {
		opened.Close()
		return nil, err
	}
	return opened, nil
}

func (f *file) String() string { return f.path }

// write leaves half a line where the disk is full; what follows begins on a line of its own.
func (f *file) write(_ *events.Event, _ ecs.Document, line []byte) error {
	if f.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := f.open.Write(line)
	if n > 0 {
		f.torn = n < len(line)
	}
	return err
}

func (f *file) reopen() error {
	opened, err := openAppending(f.path)
	if err != nil {
		return fmt.Errorf("%w; it runs as user %d by now: let logrotate make the new file for that user (`create` keeps the owner), or copy and truncate (`copytruncate`)", err, os.Geteuid())
	}
	f.open.Close()
	f.open, f.torn = opened, false
	return nil
}

// stream is standard output.
type stream struct{ out io.Writer }

// Stream writes lines to what is open already.
func Stream(out io.Writer) Sink { return Sink{sink: stream{out}} }

func (stream) String() string { return "standard output" }

func (stream) reopen() error { return nil }

func (s stream) write(_ *events.Event, _ ecs.Document, line []byte) error {
	_, err := s.out.Write(line)
	return err
}
