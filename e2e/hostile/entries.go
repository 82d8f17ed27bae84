package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// entryTrials are about what starts programs by itself. None of it ever starts any: the
// crontabs' lines are for the 31st of February, and no unit is loaded.
func entryTrials() []trial {
	return []trial{
		{
			name: "a crontab of 10,000 lines", short: true,
			does: "A crontab has 10,000 lines, each of which fetches and runs something else. Beside it is one with a line.",
			act: func(s *session) error {
				var lines bytes.Buffer
				for i := range 10_000 {
					fmt.Fprintf(&lines, "0 0 31 2 * nobody curl -fsS http://127.0.0.1:9/%d | sh\n", i)
				}
				return errors.Join(s.put("/etc/cron.d", "many", lines.Bytes()), s.put("/etc/cron.d", "one", []byte("0 0 31 2 * nobody /tmp/hostile-marker\n")))
			},
			told: []string{ // 256 KiB of a file are read
				`cryptojack_persistence_entries{kind="crontab"} rises by 4000`, `cryptojack_findings{rule="persistence_entry"} is at most 256`,
				`cryptojack_read_errors_total{aspect="persistence"} rises`, `cryptojack_visibility_ratio{aspect="persistence"} is at most 0.999`,
			},
			found: []string{`persistence_entry.*hostile-[0-9]+-one runs a file`},
		},
		{
			name: "a script made to be slow to parse", short: true,
			does: "Scripts of 1 MiB nest brackets, quotes, substitutions and here-documents as deep as they can.",
			act: func(s *session) error {
				for name, piece := range map[string]string{
					"brackets": "$(", "arithmetic": "$((1+", "quotes": "\"$(echo ", "conditions": "if ", "cases": "case x in x) ", "here": "cat <<A | ", "braces": "${x:-", "functions": "f() { ", "written": "printf '%s' x | ", "backquotes": "`echo \\",
				} {
					if err := s.put("/etc/cron.daily", name, []byte("#!/bin/sh\nexit 0\n"+strings.Repeat(piece, 1<<20/len(piece)))); err != nil {
						return err
					}
				}
				return s.put("/etc/cron.d", "one", []byte("0 0 31 2 * nobody /tmp/hostile-marker\n"))
			},
			told:  []string{`cryptojack_last_sample_timestamp_seconds{sensor="persistence"} rises`},
			found: []string{`persistence_entry.*hostile-[0-9]+-one runs a file`},
		},
		{
			name: "a unit of 100 MB", short: true,
			does: "Units have 100 MB of one line, of many lines, and of nothing but zeros.",
			act: func(s *session) error {
				head := "[Service]\nExecStart=/tmp/hostile-marker\n"
				size := s.scale(20, 100) << 20
				return errors.Join(
					s.put("/etc/systemd/system", "line.service", append([]byte(head+"Environment="), bytes.Repeat([]byte("x"), size)...)),
					s.put("/etc/systemd/system", "lines.service", append([]byte(head), bytes.Repeat([]byte("Environment=A=1\n"), size/16)...)),
					s.put("/etc/systemd/system", "zeros.service", make([]byte, size)),
				)
			},
			told:  []string{`cryptojack_read_errors_total{aspect="persistence"} rises`, `cryptojack_visibility_ratio{aspect="persistence"} is at most 0.999`},
			found: []string{`persistence_entry.*hostile-[0-9]+-line\.service runs a file`},
		},
		{
			name: "directories of units",
			does: "A directory for drop-ins has 20,000 files, and below it are 1,000 levels of others.",
			act: func(s *session) error {
				top := s.own("/etc/systemd/system", "many.service.d")
				if err := os.Mkdir(top, 0o755); err != nil {
					return err
				}
				s.later(func() error { return os.RemoveAll(top) })
				for i := range 20_000 {
					if err := os.WriteFile(filepath.Join(top, fmt.Sprintf("%d.conf", i)), []byte("[Service]\nExecStartPre=/bin/true\n"), 0o644); err != nil {
						return err
					}
				}
				return errors.Join(os.MkdirAll(filepath.Join(top, strings.Repeat("d/", 1000)), 0o755), s.put("/etc/cron.d", "one", []byte("0 0 31 2 * nobody /tmp/hostile-marker\n")))
			},
			found: []string{`persistence_entry.*hostile-[0-9]+-one runs a file`},
		},
		{
			name: "what is no crontab", short: true,
			does: "In the directory of crontabs lie a FIFO, a device, a directory, links to /dev/zero, /etc/shadow and in a circle, and a file with NUL bytes.",
			act: func(s *session) error {
				const cron = "/etc/cron.d"
				var failures []error
				for name, make := range map[string]func(string) error{
					"fifo":      func(path string) error { return unix.Mkfifo(path, 0o644) },
					"device":    func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o644, int(unix.Mkdev(1, 5))) },
					"directory": func(path string) error { return os.Mkdir(path, 0o755) },
					"zero":      func(path string) error { return os.Symlink("/dev/zero", path) },
					"shadow":    func(path string) error { return os.Symlink("/etc/shadow", path) },
					"circle":    func(path string) error { return os.Symlink(path, path) },
					"pid":       func(path string) error { return os.Symlink("/proc/self/mem", path) },
				} {
					path := s.own(cron, name)
					s.later(func() error { return os.RemoveAll(path) })
					failures = append(failures, make(path))
				}
				return errors.Join(append(failures, s.put(cron, "bytes", bytes.Repeat([]byte("\x00\xff\x1b[2J * * * * root \x00\n"), 1000)), s.put(cron, "one", []byte("0 0 31 2 * nobody /tmp/hostile-marker\n")))...)
			},
			found:    []string{`persistence_entry.*hostile-[0-9]+-one runs a file`},
			notFound: []string{`root:[$!*x]`},
		},
	}
}

// own is a path that only this trial has.
func (s *session) own(directory, name string) string {
	return filepath.Join(directory, fmt.Sprintf("hostile-%d-%s", os.Getpid(), name))
}

// put writes a file that is removed when the trial is over.
func (s *session) put(directory, name string, content []byte) error {
	path := s.own(directory, name)
	if err := programs.WriteNew(path, content, 0o755); err != nil {
		return err
	}
	s.later(func() error { return os.Remove(path) })
	return nil
}
