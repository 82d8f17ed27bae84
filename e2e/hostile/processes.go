package main

import (
	"os/exec"
	"strconv"
)

func processTrials() []trial {
	return []trial{
		{
			name:  "zombies",
			does:  "A process starts thousands of children and waits for none of those that end.",
			short: true,
			act: func(s *session) error {
				_, err := s.play("zombies", strconv.Itoa(s.scale(1000, 5000)))
				return err
			},
			told: []string{`cryptojack_origin_starts_total rises by 900`, `cryptojack_visibility_ratio{aspect="stat"} is at least 0.99`},
		},
		{
			name:  "fork bomb",
			does:  "In a control group with a limit of processes each process starts further ones, again and again.",
			short: true,
			act: func(s *session) error {
				group, err := s.cgroup("pids", map[string]string{"pids.max": strconv.Itoa(s.scale(150, 600))})
				if err != nil {
					return err
				}
				_, err = s.startReady(exec.Command(inCgroup(group)[0], append(inCgroup(group)[1:], s.set.actor, "bomb")...))
				return err
			},
			told: []string{`cryptojack_origin_starts_total rises by 100`, `cryptojack_event_source_active{source="proc_connector"} is 1`},
		},
	}
}
