package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// configurationTrials put something else in the place of the configuration and send SIGHUP.
func configurationTrials() []trial {
	const stays = `the configuration stays as it was`
	replaced := func(name, does string, short bool, put func(path string) error) trial {
		return trial{
			name: "the configuration is " + name, short: short,
			does: "The configuration is replaced by " + does + ", and read again at SIGHUP.",
			act:  func(s *session) error { return replaceConfiguration(s, put) },
			told: []string{`cryptojack_config_last_reload_successful is 0`},
			log:  stays,
		}
	}
	write := func(content string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(content), 0o644) }
	}
	return []trial{
		replaced("garbage", "random bytes, control characters and half of a document", true, write("\x00\xff\x1b[2J{[}&*!\ndirectories: [/tmp")),
		replaced("a directory", "a directory", false, func(path string) error { return os.Mkdir(path, 0o755) }),
		replaced("100 MB large", "a file of 100 MB", false, func(path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("# a comment\n"), 100<<20/12), 0o644)
		}),
		replaced("a FIFO", "a FIFO that nobody writes to", true, func(path string) error { return unix.Mkfifo(path, 0o644) }),
		replaced("a device", "a link to /dev/zero", false, func(path string) error { return os.Symlink("/dev/zero", path) }),
		replaced("gone", "nothing", false, func(string) error { return nil }),
		replaced("a bomb", "YAML whose aliases stand for ten to the ninth values", false, write(aliasBomb())),
		replaced("deep", "YAML that is nested a million levels deep", false, write(strings.Repeat("[", 1<<20))),
	}
}

func aliasBomb() string {
	bomb := "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("b%d: &a%d [%s]\n", i, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	return bomb
}

func replaceConfiguration(s *session, put func(path string) error) error {
	path := filepath.Join(s.set.directory, "exporter.yml")
	good, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s.later(func() error {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		return errors.Join(os.WriteFile(path, good, 0o644), s.reload(1))
	})
	if err := errors.Join(os.Remove(path), put(path)); err != nil {
		return err
	}
	return s.reload(0)
}

// reload has the configuration read again, and waits until the metric says how it went.
func (s *session) reload(successful float64) error {
	if err := syscall.Kill(s.target.PID, syscall.SIGHUP); err != nil {
		return err
	}
	return eventually(s, usualWait, "the configuration is read", func() error {
		now, err := s.target.scrape(s)
		if err != nil {
			return err
		}
		is, err := now.sum("cryptojack_config_last_reload_successful")
		if err == nil && is != successful {
			err = fmt.Errorf("it is %g, want %g", is, successful)
		}
		return err
	})
}
