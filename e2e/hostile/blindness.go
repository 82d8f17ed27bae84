package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// blindnessTrials take the sight of the exporter, or change what it runs from: it must say so.
func blindnessTrials() []trial {
	return []trial{
		{
			name:  "exporter stopped and continued",
			does:  "The exporter is stopped with SIGSTOP while processes come and go, and continued.",
			short: true,
			own:   true, // it logs such a stop once in ten minutes
			act:   stopped,
			told:  []string{`cryptojack_last_sample_timestamp_seconds{sensor="process"} rises`, `cryptojack_sampling_gaps_total{reason="stopped"} rises`},
			log:   `the exporter was stopped and goes on.*by_signal=true`,
			found: []string{`^warning exporter_tampered The exporter was stopped by a signal`},
		},
		{
			name: "exporter in a frozen cgroup",
			does: "The exporter's cgroup is frozen for some seconds.",
			before: func(s *session) ([]string, error) {
				group, err := s.cgroup("freezer", nil)
				return inCgroup(group), err
			},
			act: func(s *session) error {
				return s.meanwhile("freezer", "freezer.state", "FROZEN", "THAWED", 5*time.Second)
			},
			told:     []string{`cryptojack_sampling_gaps_total{reason="stopped"} rises`},
			log:      `the exporter was stopped and goes on.*by_signal=false`,
			notFound: []string{`exporter_tampered`}, // a virtual machine that was paused looks the same
		},
		{
			name: "exporter without CPU",
			does: "The exporter's cgroup gets a thousandth of a core for some seconds.",
			before: func(s *session) ([]string, error) {
				group, err := s.cgroup("cpu", map[string]string{"cpu.cfs_period_us": "1000000"})
				return inCgroup(group), err
			},
			act: func(s *session) error {
				return s.meanwhile("cpu", "cpu.cfs_quota_us", "1000", "-1", 15*time.Second)
			},
			told: []string{`cryptojack_sampling_gaps_total{reason="starved"} rises`},
			log:  `the exporter waited for a CPU and could not look`,
		},
		{
			name:  "a /tmp of its own",
			does:  "The exporter is started with another /tmp than the host's, as by PrivateTmp=.",
			short: true,
			before: func(s *session) ([]string, error) {
				top, err := s.scratch("/tmp")
				if err != nil {
					return nil, err
				}
				private := filepath.Join(top, "systemd-private-0-exporter.service-0/tmp")
				return []string{"unshare", "--mount", "sh", "-c", "mount --bind " + private + ` /tmp && exec "$@"`, "sh"}, os.MkdirAll(private, 0o755)
			},
			act:  func(*session) error { return nil },
			told: []string{`cryptojack_visibility_ratio{aspect="host"} is 0.75`},
			log:  `a part of the host cannot be seen.*/tmp is not that of the host`,
		},
		{
			name:   "its program is deleted",
			does:   "The file that the exporter runs from is deleted.",
			before: copied,
			act:    func(s *session) error { return s.program(os.Remove) },
			told:   []string{`cryptojack_findings{rule="exporter_tampered",severity="warning"} is 1`},
			found:  []string{`^warning exporter_tampered .*program was deleted while it runs`},
		},
		{
			name:   "its program is replaced",
			does:   "A script is put in the place of the file that the exporter runs from.",
			before: copied,
			act: func(s *session) error {
				return s.program(func(path string) error {
					return errors.Join(os.Remove(path), os.WriteFile(path, []byte("#!/bin/sh\nsleep 1d\n"), 0o755))
				})
			},
			told:  []string{`cryptojack_findings{rule="exporter_tampered",severity="warning"} is 1`},
			found: []string{`^warning exporter_tampered Another program lies where the exporter's was`},
		},
		{
			name:   "its program is upgraded",
			does:   "Another build of the exporter is put in the place of the one that runs, which is not to warn.",
			before: copied,
			act: func(s *session) error {
				return s.program(func(path string) error {
					content, err := os.ReadFile(path)
					if err != nil {
						return err
					}
					return errors.Join(os.Remove(path), os.WriteFile(path, append(content, 0), 0o755))
				})
			},
			told:     []string{`cryptojack_findings{rule="exporter_tampered",severity="info"} is 1`},
			found:    []string{`^info exporter_tampered The exporter that runs is not the one that is installed`},
			notFound: []string{`^warning exporter_tampered`},
		},
	}
}

func stopped(s *session) error {
	if err := syscall.Kill(s.target.PID, syscall.SIGSTOP); err != nil {
		return err
	}
	err := programs.Pause(s, time.Duration(s.scale(4, 30))*time.Second)
	if continued := syscall.Kill(s.target.PID, syscall.SIGCONT); continued != nil {
		return continued
	}
	return err
}

// meanwhile sets a file of the exporter's cgroup for a while.
func (s *session) meanwhile(controller, file, set, back string, span time.Duration) error {
	path := filepath.Join("/sys/fs/cgroup", controller, s.groupName(), file)
	if err := os.WriteFile(path, []byte(set), 0); err != nil {
		return err
	}
	err := programs.Pause(s, span)
	return errors.Join(err, os.WriteFile(path, []byte(back), 0))
}

// copied starts a copy of the exporter, which a trial may change.
func copied(s *session) ([]string, error) {
	top, err := s.scratch(s.set.directory)
	return []string{"sh", "-c", `cp "$1" ` + top + "/exporter && shift && exec " + top + `/exporter "$@"`, "sh"}, err
}

// program does something to the file that the exporter runs from.
func (s *session) program(do func(path string) error) error {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.target.PID))
	if err != nil {
		return err
	}
	return do(path)
}
