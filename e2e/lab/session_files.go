package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// place puts a burner at the path. Each path has another content.
func (s *session) place(path string) { s.placeMarked(path, path) }

// placeMarked puts a burner at the path. The same mark makes the same content.
func (s *session) placeMarked(path, mark string) {
	s.placeWith(path, func(content []byte) []byte { return append(content, s.tracker.run+" "+mark...) })
}

func (s *session) placeWith(path string, change func([]byte) []byte) {
	if s.stopped() {
		return
	}
	content, err := os.ReadFile(s.burner)
	if err != nil {
		s.fail(err)
		return
	}
	s.write(path, string(change(content)), 0o755)
}

// write makes a file, and the directories that it lies in. It must not be there.
func (s *session) write(path, content string, mode os.FileMode) {
	if s.stopped() {
		return
	}
	s.directory(filepath.Dir(path))
	if s.err != nil {
		return
	}
	if !s.owns(path) {
		s.fail(fmt.Errorf("%s is not among the paths of the scenario", path))
		return
	}
	err := programs.WriteNew(path, []byte(content), mode)
	if err == nil {
		s.undo = append(s.undo, func() error { return os.RemoveAll(path) })
		err = s.give(path)
	}
	s.fail(err)
	s.act()
}

// directory makes a directory and those above it, and remembers which it made.
func (s *session) directory(path string) {
	if _, err := os.Lstat(path); err == nil || s.err != nil {
		return
	}
	s.directory(filepath.Dir(path))
	if s.err != nil {
		return
	}
	if !s.owns(path) {
		s.fail(s.shared.make(path))
		return
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		s.fail(err)
		return
	}
	s.undo = append(s.undo, func() error { return os.RemoveAll(path) })
	s.fail(s.give(path))
}

// give makes nobody the owner of what lies where users write.
func (s *session) give(path string) error {
	for _, writable := range []string{"/tmp/", "/var/tmp/", "/dev/shm/", "/home/"} {
		if strings.HasPrefix(path, writable) {
			return os.Lchown(path, programs.Nobody, programs.Nobody)
		}
	}
	return nil
}

// giveTo makes a user the owner of a file.
func (s *session) giveTo(path string, user int) {
	if !s.stopped() {
		s.fail(os.Lchown(path, user, user))
	}
}

// remove deletes a file of the scenario.
func (s *session) remove(path string) {
	if s.stopped() {
		return
	}
	s.fail(os.Remove(path))
	s.act()
}

// read returns the content of a file of the host.
func (s *session) read(path string) string {
	content, err := os.ReadFile(path)
	s.fail(err)
	return string(content)
}
