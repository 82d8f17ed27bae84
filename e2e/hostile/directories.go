package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func manyFiles(s *session) error {
	directory, err := s.hidden()
	if err != nil {
		return err
	}
	many := filepath.Join(filepath.Dir(directory), "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		return err
	}
	for i := range s.scale(20_000, 1_000_000) {
		if err := unix.Mknod(filepath.Join(many, fmt.Sprint(i)), unix.S_IFREG|0o644, 0); err != nil {
			return err
		}
	}
	return s.mark(directory)
}

// deepDirectory goes from one directory to the next by descriptors: no path is that long.
func deepDirectory(s *session) error {
	directory, err := s.hidden()
	if err != nil {
		return err
	}
	name := strings.Repeat("d", 255)
	at, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	for range 256 {
		if err := errors.Join(unix.Mkdirat(at, name, 0o755), script(at, "program")); err != nil {
			return errors.Join(err, unix.Close(at))
		}
		next, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err = errors.Join(err, unix.Close(at)); err != nil {
			return err
		}
		at = next
	}
	return errors.Join(script(at, "last"), unix.Close(at), s.mark(directory))
}

// script writes one into an open directory.
func script(directory int, name string) error {
	file, err := unix.Openat(directory, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = unix.Write(file, []byte("#!/bin/sh\n"))
	return errors.Join(err, unix.Close(file))
}

func hiddenScripts(s *session, number int, name func(int) string) error {
	directory, err := s.hidden()
	if err != nil {
		return err
	}
	for i := range number {
		if err := os.WriteFile(filepath.Join(directory, name(i)), []byte("#!/bin/sh\n"), 0o755); err != nil {
			return err
		}
	}
	return s.mark(directory)
}

func randomNames(s *session) error {
	return hiddenScripts(s, s.scale(300, 700), func(int) string { // fewer than are remembered
		name := make([]byte, 255)
		_, _ = rand.Read(name) // never fails (crypto/rand)
		for i, c := range name {
			if c == 0 || c == '/' {
				name[i] = 'x'
			}
		}
		return string(name)
	})
}

// badDisks has the exporter write where it cannot: it says so, and leaves nothing half done.
func badDisks(s *session) error {
	for _, disk := range []struct {
		options string
		flags   uintptr
		said    string
	}{{"size=64k", 0, "no space left"}, {"size=64k", syscall.MS_RDONLY, "read-only"}} {
		top, err := s.scratch(s.set.directory)
		if err != nil {
			return err
		}
		if err := syscall.Mount("hostile", top, "tmpfs", disk.flags, disk.options); err != nil {
			return absentf("no tmpfs can be mounted: %v", err)
		}
		s.later(func() error { return syscall.Unmount(top, 0) })
		ctx, cancel := context.WithTimeout(s, time.Minute)
		said, err := exec.CommandContext(ctx, s.set.exporter, "assets", filepath.Join(top, "assets")).CombinedOutput()
		cancel()
		if err == nil || !strings.Contains(string(said), disk.said) {
			return fmt.Errorf("assets on a disk with %s: it says %s (%w)", disk.said, said, err)
		}
		left, err := filepath.Glob(filepath.Join(top, "assets", "*", "*"))
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("assets on a disk with %s leave %q", disk.said, left)
		}
	}
	return nil
}
