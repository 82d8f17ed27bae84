package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// nasty are texts that break what does not escape them: parsers, terminals, people's eyes.
func nasty() map[string]string {
	return map[string]string{
		"invalid UTF-8":      "\xff\xfe\xc0\xaf bad",
		"a newline":          "x\"} 1\nup{job=\"node",
		"escape sequences":   "\x1b[2J\x1b]0;owned\a",
		"bidirectional text": "\u202ecod.sh\u2066",
		"quotes and braces":  `"}\{',$(id)` + "`",
		"nothing visible":    "\u3164\u2800\u00a0",
	}
}

func nameTrials() []trial {
	return []trial{
		{
			name:  "names of every sort",
			does:  "Processes run from /tmp under names with invalid UTF-8, newlines, escape sequences and bidirectional text, as executable, comm, argument and working directory.",
			short: true,
			act:   nastyNames,
			told:  []string{`cryptojack_labels_sanitized_total rises`, `cryptojack_findings{rule="runs_from_temp"} rises by 6`},
			found: []string{`runs_from_temp.*\\xff\\xfe`, `runs_from_temp.*\\x1b`, `runs_from_temp.*\\u\{202e\}`, `runs_from_temp.*\\u\{3164\}`},
		},
		{
			name:  "a path of 5,000 bytes",
			does:  "A program runs from below 20 directories with names of 250 bytes each in /tmp, which is more than a path may have.",
			short: true,
			act:   longPath,
			told:  []string{`cryptojack_origin_processes{origin="unreadable"} rises`},
		},
		{
			name:  "names like those of the kernel",
			does:  "Programs run from files in /tmp that are called `miner (deleted)`, ` ` and `memfd:x (deleted)`.",
			short: true,
			act:   kernelsNames,
			found: []string{`runs_from_temp.*/miner \(deleted\)`, `runs_from_temp.*/memfd:x \(deleted\)`},
		},
		{
			name:  "one content under 30,000 names",
			does:  "One program runs from /tmp under 30,000 random names.",
			short: true,
			act:   func(s *session) error { return manyNames(s, s.scale(600, 30_000), false) },
			told:  []string{`cryptojack_origin_starts_total{origin="temp"} rises by 600`, `cryptojack_findings{rule="runs_from_temp"} rises at most by 20`},
		},
		{
			name: "30,000 contents",
			does: "30,000 programs run from /tmp, each of another name and content, and findings are held for ten minutes.",
			// Of the exporter with its usual hold: what is found stays, and more comes.
			flags:    []string{"--findings.hold=10m"},
			act:      func(s *session) error { return manyNames(s, 30_000, true) },
			told:     []string{`cryptojack_origin_starts_total{origin="temp"} rises by 29000`},
			mebibyte: 160, // of the 256 that the unit allows
		},
		{
			name:  "a new name 10,000 times a second",
			does:  "A program in /tmp changes its name and its title as fast as it can.",
			short: true,
			act:   func(s *session) error { return fromTemp(s, "renames") },
			found: []string{`runs_from_temp.*/actor-renames`},
		},
		{
			name:  "megabytes of arguments",
			does:  "A program in /tmp has 1.5 MB of arguments and 0.4 MB of environment.",
			short: true,
			act:   megabytes,
			found: []string{`runs_from_temp.*/big`},
		},
		{
			name:  "no arguments",
			does:  "A program in /tmp has no arguments, no environment, and a working directory that was removed.",
			short: true,
			act:   nothing,
			found: []string{`runs_from_temp.*/bare`},
		},
		{
			name:  "a user without a name",
			does:  "A program in /tmp runs as the user 4294967294, which is nobody's number.",
			short: true,
			act:   namelessUser,
			found: []string{`runs_from_temp.*user 4294967294\)`},
		},
	}
}

// sleeper starts a program that sleeps from this path.
func sleeper(s *session, path string, arguments ...string) error {
	if err := crowd.WriteSleeper(path, path); err != nil {
		return err
	}
	if len(arguments) == 0 {
		arguments = []string{path}
	}
	_, err := s.start(&exec.Cmd{Path: path, Args: arguments})
	return err
}

// fromTemp has the actor play a part from a copy of itself in /tmp, called actor-PART.
func fromTemp(s *session, part string, more ...string) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, "actor-"+part)
	if err := programs.Copy(s.set.actor, path, part); err != nil {
		return err
	}
	_, err = s.startReady(exec.Command(path, append([]string{part}, more...)...))
	return err
}

// nastyNames starts a sleeper under each name.
func nastyNames(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	for what, name := range nasty() {
		directory := filepath.Join(top, name)
		if err := os.Mkdir(directory, 0o755); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		path := filepath.Join(directory, name)
		if err := crowd.WriteSleeper(path, what); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		// An argument of more than a page, and a library that would be loaded.
		command := &exec.Cmd{Path: path, Args: []string{name, name + strings.Repeat("x", 4096)}, Env: []string{"LD_PRELOAD=" + name}, Dir: directory}
		if _, err := s.start(command); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// longPath starts a sleeper whose path is longer than the kernel tells: PATH_MAX is 4096.
func longPath(s *session) (err error) {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Chdir(here)) }()
	if err := os.Chdir(top); err != nil {
		return err
	}
	step := strings.Repeat("d", 250)
	for range 20 {
		if err := os.Mkdir(step, 0o755); err != nil {
			return err
		}
		if err := os.Chdir(step); err != nil {
			return err
		}
	}
	return sleeper(s, "./deep")
}

func kernelsNames(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	for _, name := range []string{"miner (deleted)", " ", "memfd:x (deleted)"} {
		if err := sleeper(s, filepath.Join(top, name)); err != nil {
			return err
		}
	}
	return nil
}

// together is how many of many programs run at a time.
const together = 1000

// manyNames runs one program under so many names, or as many programs, some at a time, each
// for one sample at least.
func manyNames(s *session, number int, contents bool) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	one := filepath.Join(top, "one")
	if err := crowd.WriteSleeper(one, top); err != nil {
		return err
	}
	for first := 0; first < number; first += together {
		several := &session{Context: s, set: s.set, target: s.target}
		err := func() error {
			for i := first; i < min(number, first+together); i++ {
				path := filepath.Join(top, fmt.Sprintf("%x-%d", i*7919, i))
				if contents {
					err = crowd.WriteSleeper(path, path)
				} else {
					err = os.Link(one, path)
				}
				if err != nil {
					return err
				}
				several.later(func() error { return os.Remove(path) })
				if _, err := several.start(exec.Command(path)); err != nil {
					return err
				}
			}
			if first+together >= number { // the last are left for who looks
				s.undo, s.begun = append(s.undo, several.undo...), append(s.begun, several.begun...)
				several.undo, several.begun = nil, nil
				return nil
			}
			return s.target.samples(s, 1)
		}()
		if err := errors.Join(err, several.clean()); err != nil {
			return err
		}
	}
	return nil
}

func megabytes(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, "big")
	if err := crowd.WriteSleeper(path, path); err != nil {
		return err
	}
	// One string may have 128 KiB, all together a quarter of the stack's limit (execve(2)).
	arguments, environment := []string{path}, []string(nil)
	for i := range 15 {
		arguments = append(arguments, strings.Repeat(string(rune('a'+i)), 100_000))
	}
	for i := range 4 {
		environment = append(environment, "V"+strconv.Itoa(i)+"="+strings.Repeat("v", 100_000))
	}
	_, err = s.start(&exec.Cmd{Path: path, Args: arguments, Env: environment})
	return err
}

func nothing(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	gone := filepath.Join(top, "gone")
	path := filepath.Join(top, "bare")
	if err := errors.Join(os.Mkdir(gone, 0o755), crowd.WriteSleeper(path, path)); err != nil {
		return err
	}
	_, err = s.start(&exec.Cmd{Path: path, Args: []string{""}, Env: []string{}, Dir: gone})
	return errors.Join(err, os.Remove(gone))
}

func namelessUser(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, "nameless")
	if err := crowd.WriteSleeper(path, path); err != nil {
		return err
	}
	const user = 4294967294 // -1 is none (setuid(2))
	_, err = s.start(&exec.Cmd{Path: path, SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}})
	return err
}
