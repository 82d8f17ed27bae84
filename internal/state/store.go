// Package state keeps over restarts what the exporter knows: in two files that are written in turn, so that one of them is
// whole whenever the machine loses its power. They are opened at the start, for by then the exporter refuses itself to open,
// to rename and to cut off files (privileges.Filter).
package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	format    = "cryptojack_exporter state"
	version   = 1 // of the files; another one is not read
	maxHeader = 512
	maxBytes  = 1 << 20 // of the content of a file
	corrupt   = ".corrupt"
)

// names are those of the files.
func names() [2]string { return [2]string{"state-a.json", "state-b.json"} }

// header is the first line of a file. The content follows, and then nothing but newlines.
type header struct {
	Format   string `json:"format"`
	Version  int    `json:"version"`
	Sequence uint64 `json:"sequence"` // of two whole files the one with the higher number holds
	Length   int    `json:"length"`   // of the content, in bytes
	SHA256   string `json:"sha256"`   // of the numbers above and the content
}

func newHeader(sequence uint64, content []byte) header {
	h := header{Format: format, Version: version, Sequence: sequence, Length: len(content)}
	h.SHA256 = h.sum(content)
	return h
}

func (h *header) sum(content []byte) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%d %d %d\n", h.Version, h.Sequence, h.Length)
	hash.Write(content)
	return hex.EncodeToString(hash.Sum(nil))
}

// whole returns header and content of a file, or what is wrong with it.
func whole(file []byte) (header, []byte, error) {
	line, _, found := bytes.Cut(file[:min(len(file), maxHeader)], []byte{'\n'})
	if !found {
		return header{}, nil, errors.New("its first line is missing")
	}
	rest := file[len(line)+1:]
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return header{}, nil, fmt.Errorf("its first line is not understood: %w", err)
	}
	switch {
	case h.Format != format:
		return header{}, nil, errors.New("it is no file of this program")
	case h.Version != version:
		return header{}, nil, fmt.Errorf("it is of version %d, and this program knows %d", h.Version, version)
	case h.Length < 0 || h.Length > len(rest) || h.Length > maxBytes || h.Sequence > 1<<62:
		return header{}, nil, errors.New("it was not written to its end")
	}
	content := rest[:h.Length]
	if h.sum(content) != h.SHA256 {
		return header{}, nil, errors.New("its checksum does not match: it was not written to its end, or changed")
	}
	return h, content, nil
}

// Store writes to files that are open.
type Store struct {
	directory string
	slots     [2]slot
	next      int // that is written next: the other one is whole
	sequence  uint64
}

type slot struct {
	file *os.File
	size int // bytes
}

// Open reads what was kept in a directory, which is made if need be, and opens its files to be written. What cannot be used is
// renamed, and every difficulty is told in a sentence: none of them is a reason not to start. The store is nil if nothing can be
// written.
//
// The files are made anew: those that are there may belong to the user of an earlier start, and whoever can write to the
// directory may have put links in their place.
func Open(directory string) (store *Store, saved Saved, difficulties []string) {
	say := func(message string, arguments ...any) {
		difficulties = append(difficulties, fmt.Sprintf(message, arguments...))
	}
	if err := os.Mkdir(directory, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		say("The directory of the state cannot be made, so nothing is kept over a restart: %v.", err)
		return nil, Saved{}, difficulties
	}
	fd, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		say("The directory of the state, %s, cannot be opened, so nothing is kept over a restart: %v.", directory, err)
		return nil, Saved{}, difficulties
	}
	defer func() { _ = unix.Close(fd) }()

	var latest header
	var content []byte
	for _, name := range names() {
		file, err := read(fd, name)
		if err == nil && len(file) == 0 {
			continue // nothing was written yet
		}
		var h header
		var found []byte
		var decoded Saved
		if err == nil {
			h, found, err = whole(file)
		}
		if err == nil {
			decoded, err = Decode(found)
		}
		if err != nil {
			path := filepath.Join(directory, name)
			if renamed := unix.Renameat(fd, name, fd, name+corrupt); renamed != nil {
				say("%s cannot be used: %v. Nor can it be set aside: %v.", path, err, renamed)
			} else {
				say("%s cannot be used: %v. It was set aside as %s.", path, err, name+corrupt)
			}
			continue
		}
		if content == nil || h.Sequence > latest.Sequence {
			latest, content, saved = h, found, decoded
		}
	}
	store = &Store{directory: directory, sequence: latest.Sequence}
	if err := store.make(fd, content); err != nil {
		store.Close()
		say("Nothing can be written to %s, so nothing is kept over a restart: %v. Make it a directory of the user that starts the exporter.", directory, err)
		return nil, saved, difficulties
	}
	return store, saved, difficulties
}

// read returns what a file holds, nothing if there is none.
func read(directory int, name string) ([]byte, error) {
	fd, err := unix.Openat(directory, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	content, err := io.ReadAll(io.LimitReader(file, maxHeader+maxBytes))
	if err != nil {
		return nil, err
	}
	if len(content) == 0 && stat.Size() > 0 {
		return nil, errors.New("it cannot be read")
	}
	return content, nil
}

// make replaces both files by new ones. The first has the content before the second is replaced, so that one has it at any time.
func (s *Store) make(directory int, content []byte) error {
	for i, name := range names() {
		temporary := name + ".new"
		if err := unix.Unlinkat(directory, temporary, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove %s: %w", temporary, err)
		}
		fd, err := unix.Openat(directory, temporary, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return fmt.Errorf("make %s: %w", temporary, err)
		}
		s.slots[i].file = os.NewFile(uintptr(fd), filepath.Join(s.directory, name))
		if i == 0 && content != nil {
			if err := s.slots[i].write(s.sequence, content); err != nil {
				return err
			}
		}
		if err := unix.Renameat(directory, temporary, directory, name); err != nil {
			return fmt.Errorf("rename %s to %s: %w", temporary, name, err)
		}
	}
	s.next = 1
	return unix.Fsync(directory)
}

// Files are those that are written to. They may be asked of nil.
func (s *Store) Files() []*os.File {
	if s == nil {
		return nil
	}
	return []*os.File{s.slots[0].file, s.slots[1].file}
}

// Write puts content, of at most 1 MiB, in place of what was written before the last time. It returns when the content is on
// the disk. If it fails, what was written last stays.
func (s *Store) Write(content []byte) error {
	if len(content) > maxBytes {
		return fmt.Errorf("write %s: %d bytes are more than %d", s.slots[s.next].file.Name(), len(content), maxBytes)
	}
	if err := s.slots[s.next].write(s.sequence+1, content); err != nil {
		return err
	}
	s.sequence++
	s.next = 1 - s.next
	return nil
}

// write overwrites a file from its beginning: nothing of what was there before stays.
func (s *slot) write(sequence uint64, content []byte) error {
	line, err := json.Marshal(newHeader(sequence, content))
	if err != nil {
		return fmt.Errorf("write %s: %w", s.file.Name(), err)
	}
	out := append(append(line, '\n'), content...)
	size := len(out) + 1
	for len(out) < max(size, s.size) {
		out = append(out, '\n')
	}
	written, err := s.file.WriteAt(out, 0)
	s.size = max(s.size, written)
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// Close closes the files. It may be asked of nil.
func (s *Store) Close() {
	for _, file := range s.Files() {
		if file != nil {
			_ = file.Close() // all that counts was synchronised
		}
	}
}
