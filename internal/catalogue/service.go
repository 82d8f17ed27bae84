package catalogue

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxChecks bounds the requests that one service is asked by.
const maxChecks = 3

var appPattern = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// Service is one entry of the catalogue, in the form of catalogue.yml and of
// `services:` in the configuration file.
type Service struct {
	App         string   `yaml:"app"`          // label value, 1 to 32 of a-z, 0-9, _ and -
	Ports       []uint16 `yaml:"ports"`        // TCP; empty where the usual port says too little
	AskedPorts  []uint16 `yaml:"asked_ports"`  // where to ask; those of Ports if there are none
	Executables []string `yaml:"executables"`  // base names of the owner's executable: evidence
	CommandLine []string `yaml:"command_line"` // beginnings of the owner's arguments: evidence; see evidence.go
	// Parts begin the arguments of processes that belong to the service and are no
	// door of their own: they are called by its name, and not asked.
	Parts []string `yaml:"parts"`
	// RunsCode: who gets in without a password runs code or owns the host.
	RunsCode bool `yaml:"runs_code"`
	// Usual: most hosts have it, so that it is never more than a note.
	Usual  bool    `yaml:"usual"`
	Checks []Check `yaml:"checks"` // at most 3
	Harm   string  `yaml:"harm"`   // what somebody gets who reaches it, one sentence
	Remedy string  `yaml:"remedy"` // how to close it, one sentence
}

// check finds what makes an entry useless or dangerous.
func (s *Service) check() error {
	blank := func(text string) bool { return strings.TrimSpace(text) == "" }
	hasSlash := func(text string) bool { return strings.Contains(text, "/") }
	switch {
	case !appPattern.MatchString(s.App):
		return fmt.Errorf("app %q: 1 to 32 of a-z, 0-9, _ and - are allowed", s.App)
	case len(s.Ports)+len(s.AskedPorts)+len(s.Executables)+len(s.CommandLine)+len(s.Checks) == 0:
		return fmt.Errorf("app %q: set ports, executables or command_line", s.App)
	case slices.Contains(s.Ports, 0), slices.Contains(s.AskedPorts, 0):
		return fmt.Errorf("app %q: 0 is no port", s.App)
	case slices.ContainsFunc(s.Executables, blank), slices.ContainsFunc(s.CommandLine, blank), slices.ContainsFunc(s.Parts, blank):
		return fmt.Errorf("app %q: an empty text would match everything", s.App)
	case slices.ContainsFunc(s.Executables, hasSlash):
		return fmt.Errorf("app %q: executables are base names, without /", s.App)
	case len(s.Checks) > maxChecks:
		return fmt.Errorf("app %q: at most %d checks, not %d", s.App, maxChecks, len(s.Checks))
	}
	for i := range s.Checks {
		if err := s.Checks[i].Validate(); err != nil {
			return fmt.Errorf("app %q, check %d: %w", s.App, i+1, err)
		}
	}
	return nil
}

// askedPorts are those at which it makes sense to ask.
func (s *Service) askedPorts() []uint16 {
	if len(s.AskedPorts) > 0 {
		return s.AskedPorts
	}
	return s.Ports
}

// merge returns the list with an entry that shares no memory with the caller's.
func merge(list []Service, service Service) []Service {
	i := slices.IndexFunc(list, func(s Service) bool { return s.App == service.App })
	if i < 0 {
		list = slices.Insert(list, 0, Service{App: service.App})
		i = 0
	}
	known := &list[i]
	// Before the ports change: what is added to either is asked at.
	known.AskedPorts = slices.Concat(known.askedPorts(), service.askedPorts())
	known.Ports = slices.Concat(known.Ports, service.Ports)
	known.Executables = slices.Concat(known.Executables, service.Executables)
	known.CommandLine = slices.Concat(known.CommandLine, service.CommandLine)
	known.Parts = slices.Concat(known.Parts, service.Parts)
	known.RunsCode = known.RunsCode || service.RunsCode
	known.Usual = known.Usual || service.Usual
	if len(service.Checks) > 0 {
		known.Checks = slices.Clone(service.Checks)
	}
	if service.Harm != "" {
		known.Harm = service.Harm
	}
	if service.Remedy != "" {
		known.Remedy = service.Remedy
	}
	return list
}
