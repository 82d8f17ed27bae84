// Package services is the catalogue of services that miners are known to enter
// by, and how to tell them.
package services

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

// maxApps bounds the label `app`.
const maxApps = 64

var appPattern = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// Service is one entry of the catalogue.
type Service struct {
	App         string   // label value, 1 to 32 of a-z, 0-9, _ and -
	Ports       []uint16 // TCP; empty where the usual port says too little
	Executables []string // base names of the owner's executable: evidence
	CommandLine []string // beginnings of the owner's arguments: evidence; see evidence.go
	Harm        string   // what somebody gets who reaches it, one sentence
	Remedy      string   // how to close it, one sentence
}

// Catalogue recognises services. It does not change.
type Catalogue struct {
	services    []Service
	apps        []string
	ports       map[uint16]string
	executables map[string]string
	others      map[string]bool
}

// New returns the built-in catalogue with more entries. An entry for an app
// that is there already adds to it; any other goes before the built-in ones, so
// that it wins a port or an evidence that two claim. It fails on an entry that
// could never match, that would match everything, or that is one app too many.
func New(extra ...Service) (*Catalogue, error) {
	list := Default()
	for _, service := range extra {
		if err := service.check(); err != nil {
			return nil, err
		}
		list = merge(list, service)
	}
	if len(list) > maxApps {
		return nil, fmt.Errorf("at most %d apps, not %d", maxApps, len(list))
	}
	return index(list), nil
}

// check finds what makes an entry useless or dangerous.
func (s *Service) check() error {
	blank := func(text string) bool { return strings.TrimSpace(text) == "" }
	hasSlash := func(text string) bool { return strings.Contains(text, "/") }
	switch {
	case !appPattern.MatchString(s.App):
		return fmt.Errorf("app %q: 1 to 32 of a-z, 0-9, _ and - are allowed", s.App)
	case len(s.Ports)+len(s.Executables)+len(s.CommandLine) == 0:
		return fmt.Errorf("app %q: set ports, executables or command_line", s.App)
	case slices.Contains(s.Ports, 0):
		return fmt.Errorf("app %q: 0 is no port", s.App)
	case slices.ContainsFunc(s.Executables, blank), slices.ContainsFunc(s.CommandLine, blank):
		return fmt.Errorf("app %q: an empty text would match everything", s.App)
	case slices.ContainsFunc(s.Executables, hasSlash):
		return fmt.Errorf("app %q: executables are base names, without /", s.App)
	}
	return nil
}

// merge returns the list with an entry that shares no memory with the caller's.
func merge(list []Service, service Service) []Service {
	i := slices.IndexFunc(list, func(s Service) bool { return s.App == service.App })
	if i < 0 {
		service.Ports = slices.Clone(service.Ports)
		service.Executables = slices.Clone(service.Executables)
		service.CommandLine = slices.Clone(service.CommandLine)
		return slices.Insert(list, 0, service)
	}
	list[i].Ports = append(list[i].Ports, service.Ports...)
	list[i].Executables = append(list[i].Executables, service.Executables...)
	list[i].CommandLine = append(list[i].CommandLine, service.CommandLine...)
	if service.Harm != "" {
		list[i].Harm = service.Harm
	}
	if service.Remedy != "" {
		list[i].Remedy = service.Remedy
	}
	return list
}

// index makes the look-ups quick. The first of two claims wins.
func index(list []Service) *Catalogue {
	c := &Catalogue{services: list, ports: map[uint16]string{}, executables: map[string]string{}, others: map[string]bool{}}
	for _, service := range list {
		c.apps = append(c.apps, service.App)
		for _, port := range service.Ports {
			if c.ports[port] == "" {
				c.ports[port] = service.App
			}
		}
		for _, name := range service.Executables {
			if c.executables[name] == "" {
				c.executables[name] = service.App
			}
		}
	}
	slices.Sort(c.apps)
	for _, name := range others() {
		c.others[name] = true
	}
	return c
}

// Apps lists every app, sorted. The caller must not change it.
func (c *Catalogue) Apps() []string { return c.apps }

// Service returns the entry of an app.
func (c *Catalogue) Service(app string) (Service, bool) {
	for _, service := range c.services {
		if service.App == app {
			return service, true
		}
	}
	return Service{}, false
}

// Identify names the service behind a listening socket. What the owner runs is
// evidence on any port. A port alone is weak, and says nothing where the owner
// is plainly something else. exe is the path of the owner's executable without
// " (deleted)" and argv its arguments; both are empty if the owner is unknown.
// Without a name it returns "". Services are TCP only.
func (c *Catalogue) Identify(protocol host.Protocol, port uint16, exe string, argv []string) (string, host.Confidence) {
	return c.Judge(protocol, port, exe, c.Evidence(exe, argv))
}

// Judge is Identify for an owner whose Evidence is known already.
func (c *Catalogue) Judge(protocol host.Protocol, port uint16, exe, evidence string) (string, host.Confidence) {
	switch {
	case protocol != host.TCP:
		return "", ""
	case evidence != "":
		return evidence, host.ConfidenceEvidence
	case c.others[path.Base(exe)] || c.ports[port] == "":
		return "", ""
	default:
		return c.ports[port], host.ConfidencePort
	}
}
