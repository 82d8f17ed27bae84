package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

func signalTrials() []trial {
	return []trial{
		{
			name: "more events than the kernel keeps",
			does: "The exporter is stopped with SIGSTOP while 60,000 processes start and end, more than fit into its buffers.",
			act: func(s *session) error {
				return whileStopped(s, func() error {
					path := filepath.Join(s.set.directory, "short")
					if err := crowd.WriteShort(path); err != nil {
						return err
					}
					_, err := crowd.Spawn(s, path, 0, 60_000)
					return errors.Join(err, os.Remove(path))
				})
			},
			told: []string{`cryptojack_events_lost_total rises`},
		},
		{
			name:  "5,000 requests to read the configuration",
			does:  "SIGHUP is sent 5,000 times in a row.",
			short: true,
			act:   hangups,
			told:  []string{`cryptojack_config_last_reload_successful is 1`, `cryptojack_config_last_reload_success_timestamp_seconds rises`},
		},
		{
			name:  "nobody reads the log",
			does:  "What reads the exporter's log ends: each line that it writes fails (SIGPIPE), while it reads its configuration again.",
			short: true,
			before: func(*session) ([]string, error) {
				return []string{"bash", "-c", `exec "$@" 2> >(head -n 1 >/dev/null)`, "bash"}, nil
			},
			act:  hangups,
			told: []string{`cryptojack_config_last_reload_success_timestamp_seconds rises`},
		},
	}
}

func whileStopped(s *session, do func() error) error {
	if err := syscall.Kill(s.target.PID, syscall.SIGSTOP); err != nil {
		return err
	}
	err := do()
	if continued := syscall.Kill(s.target.PID, syscall.SIGCONT); continued != nil {
		return continued
	}
	return err
}

// hangups begins in another second than the exporter did: the time of a configuration is told in seconds.
func hangups(s *session) error {
	if err := programs.Pause(s, time.Second); err != nil {
		return err
	}
	for range 5000 {
		if err := syscall.Kill(s.target.PID, syscall.SIGHUP); err != nil {
			return err
		}
	}
	return nil
}
