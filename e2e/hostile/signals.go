package main

import (
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

func signalTrials() []trial {
	return []trial{
		{
			name:  "exporter stopped and continued",
			does:  "The exporter is stopped with SIGSTOP while processes come and go, and continued.",
			short: true,
			act:   stopped,
			told:  []string{`cryptojack_last_sample_timestamp_seconds{sensor="process"} rises`},
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
