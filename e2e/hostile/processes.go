package main

import "strconv"

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
	}
}
