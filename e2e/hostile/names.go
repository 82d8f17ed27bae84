package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
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
	trials := []trial{
		{
			name:  "names of every sort",
			does:  "Processes run from /tmp under names with invalid UTF-8, newlines, escape sequences and bidirectional text, as executable, comm, argument and working directory.",
			short: true,
			act:   nastyNames,
			told:  []string{`cryptojack_labels_sanitized_total rises`, `cryptojack_findings{rule="runs_from_temp"} rises`},
			found: []string{`runs_from_temp.*\\xff\\xfe`, `runs_from_temp.*\\x1b`, `runs_from_temp.*\\u\{202e\}`},
		},
	}
	return trials
}

// nastyNames starts a sleeper under each name.
func nastyNames(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	for what, name := range nasty() {
		directory := filepath.Join(top, strings.ReplaceAll(name, "/", "_"))
		if err := os.Mkdir(directory, 0o755); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		path := filepath.Join(directory, strings.ReplaceAll(name, "/", "_"))
		if err := crowd.WriteSleeper(path, what); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		// Arguments that are paths too, of one byte more than fits into a page.
		command := &exec.Cmd{Path: path, Args: []string{name, name + strings.Repeat("x", 4096)}, Env: []string{"LD_PRELOAD=" + name}, Dir: directory}
		if _, err := s.start(command); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return longPath(s, top)
}

// longPath starts a sleeper whose path is longer than execve(2) takes in one: PATH_MAX is 4096.
func longPath(s *session, top string) (err error) {
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
		if err := errors.Join(os.Mkdir(step, 0o755), os.Chdir(step)); err != nil {
			return err
		}
	}
	if err := crowd.WriteSleeper("deep", "deep"); err != nil {
		return err
	}
	_, err = s.start(&exec.Cmd{Path: "./deep", Args: []string{"deep"}, SysProcAttr: &syscall.SysProcAttr{}})
	return err
}
