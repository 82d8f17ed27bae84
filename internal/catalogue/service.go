package catalogue

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxChecks bounds the requests that a probe of one service makes.
const maxChecks = 3

var appPattern = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// Service is one entry of the catalogue, in the form of catalogue.yml and of
// `services:` in the configuration file.
type Service struct {
	App         string   `yaml:"app"`          // label value, 1 to 32 of a-z, 0-9, _ and -
	Ports       []uint16 `yaml:"ports"`        // TCP; empty where the usual port says too little
	ProbePorts  []uint16 `yaml:"asked_ports"`  // where it is probed; those of Ports if there are none
	Executables []string `yaml:"executables"`  // base names of the owner's executable: evidence
	CommandLine []string `yaml:"command_line"` // beginnings of the owner's arguments: evidence; see evidence.go
	// InternalComponents begin the arguments of processes that only the service itself
	// speaks to: they are called by its name, are no exposed service and are not probed.
	InternalComponents []string `yaml:"parts"`
	// SubmissionLog is where the service writes down what was submitted to it. Only a
	// built-in service can have one: its lines must be understood.
	SubmissionLog *SubmissionLog `yaml:"submission_log"`
	// RunsCode: who gets in without a password runs code or owns the host.
	RunsCode bool `yaml:"runs_code"`
	// Common: most hosts have it, so that it is never more than a note.
	Common bool    `yaml:"usual"`
	Checks []Check `yaml:"checks"` // at most 3
	Harm   string  `yaml:"harm"`   // what somebody gets who reaches it, one sentence
	Remedy string  `yaml:"remedy"` // how to close it, one sentence
}

// SubmissionLog says how the path of a log is found.
type SubmissionLog struct {
	Argument string `yaml:"argument"` // beginning of the owner's argument that names the path
}

// check finds what makes an entry useless or dangerous.
func (s *Service) check() error {
	blank := func(text string) bool { return strings.TrimSpace(text) == "" }
	hasSlash := func(text string) bool { return strings.Contains(text, "/") }
	switch {
	case !appPattern.MatchString(s.App):
		return fmt.Errorf("app %q: 1 to 32 of a-z, 0-9, _ and - are allowed", s.App)
	case len(s.Ports)+len(s.ProbePorts)+len(s.Executables)+len(s.CommandLine)+len(s.Checks) == 0:
		return fmt.Errorf("app %q: set ports, executables or command_line", s.App)
	case slices.Contains(s.Ports, 0), slices.Contains(s.ProbePorts, 0):
		return fmt.Errorf("app %q: 0 is no port", s.App)
	case slices.ContainsFunc(slices.Concat(s.Executables, s.CommandLine, s.InternalComponents), blank):
		return fmt.Errorf("app %q: an empty text would match everything", s.App)
	case slices.ContainsFunc(s.Executables, hasSlash):
		return fmt.Errorf("app %q: executables are base names, without /", s.App)
	case s.SubmissionLog != nil && s.SubmissionLog.Argument == "":
		return fmt.Errorf("app %q: submission_log: set argument", s.App)
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

// listensAt tells whether the service is known to listen at a port.
func (s *Service) listensAt(port uint16) bool {
	return slices.Contains(s.Ports, port) || slices.Contains(s.ProbePorts, port)
}

// probePorts are those at which the service is probed.
func (s *Service) probePorts() []uint16 {
	if len(s.ProbePorts) > 0 {
		return s.ProbePorts
	}
	return s.Ports
}

func logsSubmissions(list []Service, app string) bool {
	return slices.ContainsFunc(list, func(s Service) bool { return s.App == app && s.SubmissionLog != nil })
}

// merge returns the list with an entry that shares no memory with the caller's.
func merge(list []Service, service Service) []Service {
	i := slices.IndexFunc(list, func(s Service) bool { return s.App == service.App })
	if i < 0 {
		list = slices.Insert(list, 0, Service{App: service.App})
		i = 0
	}
	known := &list[i]
	// Before the ports change: what is added to either is probed.
	known.ProbePorts = slices.Concat(known.probePorts(), service.probePorts())
	known.Ports = slices.Concat(known.Ports, service.Ports)
	known.Executables = slices.Concat(known.Executables, service.Executables)
	known.CommandLine = slices.Concat(known.CommandLine, service.CommandLine)
	known.InternalComponents = slices.Concat(known.InternalComponents, service.InternalComponents)
	if service.SubmissionLog != nil {
		log := *service.SubmissionLog
		known.SubmissionLog = &log
	}
	known.RunsCode = known.RunsCode || service.RunsCode
	known.Common = known.Common || service.Common
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
