package processes

import "strings"

// shared keeps one copy of texts that many processes have: paths, users, cgroups, arguments. On a host with thousands
// of processes most are instances of a few programs.
type shared struct {
	texts     map[string]string
	arguments map[string][]string
}

func newShared() *shared {
	return &shared{texts: map[string]string{}, arguments: map[string][]string{}}
}

// text returns the copy of a text.
func (s *shared) text(text string) string {
	if text == "" {
		return ""
	}
	if known, ok := s.texts[text]; ok {
		return known
	}
	text = strings.Clone(text) // it may be part of something longer
	s.texts[text] = text
	return text
}

// argv returns the copy of arguments, which nobody changes.
func (s *shared) argv(argv []string) []string {
	if len(argv) == 0 {
		return argv
	}
	key := strings.Join(argv, "\x00")
	known, ok := s.arguments[key]
	if !ok {
		known = argv
		s.arguments[key] = argv
	}
	return known
}

// prune forgets texts once there are far more than so many processes need: those that have them keep them.
func (s *shared) prune(processes int) {
	if most := 8*processes + 1024; len(s.texts) > most {
		clear(s.texts)
	}
	if most := 2*processes + 1024; len(s.arguments) > most {
		clear(s.arguments)
	}
}
