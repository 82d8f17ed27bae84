package main

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// aMarker is found beside what is hostile: nothing keeps the exporter from the rest.
const aMarker = `warning suspicious_file.*hostile-marker`

func fileTrials() []trial {
	return []trial{
		{
			name: "what is no file", short: true,
			does:  "Below /tmp lie a FIFO, devices, a socket, links in a circle and links to /dev/zero and /etc/shadow, all with the mode 0755.",
			act:   specialFiles,
			found: []string{aMarker},
			told:  []string{`cryptojack_last_sample_timestamp_seconds{sensor="files"} rises`},
		},
		{
			name:  "a program of 1 TB",
			does:  "Below /tmp lies a sparse ELF program of 1 TB in a hidden directory.",
			act:   sparseProgram,
			found: []string{aMarker, `suspicious_file.*large-program`},
		},
		{
			name: "a program that lies about its sections", short: true,
			does:  "A program runs from /tmp whose head claims 60 million sections, 3.8 GB of headers, and others claim tables behind their end.",
			act:   lyingProgram,
			found: []string{aMarker, `runs_from_temp.*lying-program`},
		},
		{
			name: "a file system that does not answer", short: true,
			does:  "Below /tmp a FUSE file system is mounted that never answers.",
			act:   deafFileSystem,
			found: []string{aMarker},
			told:  []string{`cryptojack_last_sample_timestamp_seconds{sensor="files"} rises`},
			own:   true, // it is logged once
			log:   `another file system is mounted here and is not looked into.*/deaf`,
		},
		{
			name: "a file that is swapped while it is read", short: true,
			does:  "A hidden program below /tmp is replaced again and again by a link to /etc/shadow, a FIFO, a directory and itself.",
			act:   swappedFile,
			found: []string{aMarker},
		},
		{
			name:  "a file that grows while it is read",
			does:  "A hidden program below /tmp grows to 2 GB while it is hashed.",
			act:   growingFile,
			found: []string{aMarker},
		},
		{
			name:   "a directory of a million files",
			does:   "A directory below /tmp has a million entries (20,000 in the short form). A program is put beside it.",
			act:    manyFiles,
			found:  []string{aMarker},
			within: 3 * time.Minute,
		},
		{
			name: "paths that are longer than any", short: true,
			does:  "Directories below /tmp are nested to a path of 64 KiB, with programs on the way and at the end.",
			act:   deepDirectory,
			found: []string{aMarker},
		},
		{
			name:  "names of 255 random bytes",
			does:  "Hidden programs below /tmp have names of 255 random bytes.",
			act:   randomNames,
			told:  []string{`cryptojack_labels_sanitized_total rises`, `cryptojack_suspicious_files{reason="hidden"} rises by 200`},
			found: []string{aMarker},
		},
		{
			name: "a report of thousands of files",
			does: "Below /tmp lie 3,000 hidden programs, and 200 callers ask for the page and the findings at once, again and again.",
			act: func(s *session) error {
				if err := hiddenScripts(s, 3000, func(i int) string { return fmt.Sprintf("script-%d", i) }); err != nil {
					return err
				}
				if err := s.target.samples(s, 5); err != nil {
					return err
				}
				return errors.Join(crowdAsks(s, "/", 200, s.scale(3, 20)), crowdAsks(s, "/api/v1/findings", 200, s.scale(3, 20)))
			},
			told: []string{`cryptojack_suspicious_files{reason="hidden"} rises by 500`},
		},
		{
			name: "a full and a read-only disk", short: true,
			does: "`cryptojack_exporter assets` is to write into a file system of 64 KiB, and into one that is read-only.",
			act:  badDisks,
		},
	}
}

// hidden makes a hidden directory below /tmp with a marker in it. What lies in it is a warning.
func (s *session) hidden() (string, error) {
	top, err := s.scratch("/tmp")
	if err != nil {
		return "", err
	}
	directory := filepath.Join(top, ".hidden")
	if err := os.Mkdir(directory, 0o755); err != nil {
		return "", err
	}
	// The marker comes last, so that it is found after what is hostile.
	return directory, nil
}

// mark puts the marker beside what is hostile, when that stands.
func (s *session) mark(directory string) error {
	return os.WriteFile(filepath.Join(directory, "hostile-marker"), []byte("#!/bin/sh\n"), 0o755)
}

func specialFiles(s *session) error {
	directory, err := s.hidden()
	if err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(directory, name) }
	if err := errors.Join(
		unix.Mkfifo(at("fifo"), 0o755),
		unix.Mknod(at("zero"), unix.S_IFCHR|0o755, int(unix.Mkdev(1, 5))),
		unix.Mknod(at("no-driver"), unix.S_IFCHR|0o755, int(unix.Mkdev(240, 77))),
		unix.Mknod(at("tty"), unix.S_IFCHR|0o755, int(unix.Mkdev(5, 0))),
		unix.Mknod(at("block"), unix.S_IFBLK|0o755, int(unix.Mkdev(240, 78))),
		unix.Mknod(at("socket"), unix.S_IFSOCK|0o755, 0),
		os.Symlink(at("circle-b"), at("circle-a")), os.Symlink(at("circle-a"), at("circle-b")), os.Symlink(".", at("self")),
		os.Symlink("/dev/zero", at("to-zero")), os.Symlink("/etc/shadow", at("to-shadow")), os.Symlink(strings.Repeat("/x", 2000), at("to-nothing")),
	); err != nil {
		return err
	}
	return s.mark(directory)
}

func sparseProgram(s *session) error {
	directory, err := s.hidden()
	if err != nil {
		return err
	}
	path := filepath.Join(directory, "large-program")
	if err := crowd.WriteSleeper(path, path); err != nil {
		return err
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		return absentf("no sparse file of 1 TB: %v", err)
	}
	return s.mark(directory)
}

// lyingProgram patches the head of an ELF program (elf(5)). The kernel needs no sections to run it.
func lyingProgram(s *session) error {
	directory, err := s.hidden()
	if err != nil {
		return err
	}
	const sections, offset = 60_000_000, 4096
	path := filepath.Join(directory, "lying-program")
	if err := crowd.WriteSleeper(path, path); err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	patch := func(at int, value any) error {
		var b bytes.Buffer
		if err := binary.Write(&b, binary.LittleEndian, value); err != nil {
			return err
		}
		copy(content[at:], b.Bytes())
		return nil
	}
	// e_shoff, e_shentsize, e_shnum (0: the number is in the first section's sh_size), e_shstrndx.
	if err := errors.Join(patch(0x28, uint64(offset)), patch(0x3a, uint16(64)), patch(0x3c, uint16(0)), patch(0x3e, uint16(elf.SHN_XINDEX))); err != nil {
		return err
	}
	first := elf.Section64{Size: sections, Link: sections - 1}
	var head bytes.Buffer
	if err := binary.Write(&head, binary.LittleEndian, first); err != nil {
		return err
	}
	content = append(content, make([]byte, max(0, offset-len(content)))...)
	content = append(content[:offset], head.Bytes()...)
	if err := os.WriteFile(path, content, 0o755); err != nil {
		return err
	}
	if err := os.Truncate(path, offset+64*sections); err != nil {
		return err
	}
	if _, err := s.start(exec.Command(path)); err != nil {
		return err
	}
	for i, lie := range []struct {
		at    int
		value any
	}{
		{0x20, uint64(1 << 62)}, {0x28, uint64(1<<64 - 64)}, {0x36, uint16(1)}, {0x38, uint16(0xffff)}, {0x3a, uint16(0)}, {0x3c, uint16(0xffff)}, {0x04, uint16(0xffff)}, {0x12, uint16(0xffff)},
	} {
		if err := patch(lie.at, lie.value); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(directory, fmt.Sprintf("lie-%d", i)), content, 0o755); err != nil {
			return err
		}
	}
	return s.mark(directory)
}

// deafFileSystem mounts a FUSE file system (fuse(4)) whose server, this program, reads no request.
func deafFileSystem(s *session) error {
	directory, err := s.hidden()
	if err != nil {
		return err
	}
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return absentf("no FUSE: %v", err)
	}
	s.later(device.Close) // which ends all that wait
	mountPoint := filepath.Join(directory, "deaf")
	if err := os.Mkdir(mountPoint, 0o755); err != nil {
		return err
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device.Fd())
	if err := syscall.Mount("hostile", mountPoint, "fuse.hostile", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		return absentf("FUSE cannot be mounted: %v", err)
	}
	s.later(func() error { return unix.Unmount(mountPoint, unix.MNT_DETACH|unix.MNT_FORCE) })
	return s.mark(directory)
}

func swappedFile(s *session) error {
	directory, err := s.hidden()
	if err != nil {
		return err
	}
	shadow, err := os.ReadFile("/etc/shadow")
	if err != nil {
		return err
	}
	path := filepath.Join(directory, "swapped")
	program, err := os.ReadFile(s.set.actor)
	if err != nil {
		return err
	}
	other := filepath.Join(directory, "other")
	for end := time.Now().Add(time.Duration(s.scale(6, 60)) * time.Second); time.Now().Before(end); {
		for _, make := range []func() error{
			func() error { return os.WriteFile(other, program, 0o755) },
			func() error { return os.Symlink("/etc/shadow", other) },
			func() error { return unix.Mkfifo(other, 0o755) },
			func() error { return os.Mkdir(other, 0o755) },
			func() error { return os.Symlink("swapped", other) },
		} {
			if err := make(); err != nil {
				return err
			}
			_ = os.RemoveAll(path) // a directory stands in the way of a rename
			if err := os.Rename(other, path); err != nil {
				return err
			}
			if err := programs.Pause(s, 3*time.Millisecond); err != nil {
				return err
			}
		}
	}
	sum := sha256.Sum256(shadow)
	told, err := s.target.get(s, "/api/v1/findings")
	if err == nil && bytes.Contains(told, []byte(hex.EncodeToString(sum[:]))) {
		err = errors.New("the hash of /etc/shadow is told, through a link")
	}
	return errors.Join(err, s.mark(directory))
}

func growingFile(s *session) error {
	directory, err := s.hidden()
	if err != nil {
		return err
	}
	path := filepath.Join(directory, "growing")
	if err := crowd.WriteSleeper(path, path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	piece := bytes.Repeat([]byte("x"), 1<<20)
	for range s.scale(64, 2048) {
		if _, err := file.Write(piece); err != nil {
			return err
		}
		if err := programs.Pause(s, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return s.mark(directory)
}
