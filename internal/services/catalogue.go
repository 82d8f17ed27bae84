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
	App         string   // label value
	Ports       []uint16 // TCP; empty where the usual port says too little
	Executables []string // base names of the owner's executable: evidence
	CommandLine []string // parts of single arguments of the owner: evidence
	Harm        string   // what somebody gets who reaches it, one sentence
	Remedy      string   // how to close it, one sentence
}

// Catalogue recognises services. It does not change.
type Catalogue struct {
	services []Service
	apps     []string
}

// New returns the built-in catalogue with more entries. An entry for an app
// that is there already adds to it.
func New(extra ...Service) (*Catalogue, error) {
	list := Default()
	for _, service := range extra {
		if !appPattern.MatchString(service.App) {
			return nil, fmt.Errorf("app %q: 1 to 32 of a-z, 0-9, _ and - are allowed", service.App)
		}
		if len(service.Ports)+len(service.Executables)+len(service.CommandLine) == 0 {
			return nil, fmt.Errorf("app %q: set ports, executables or command_line", service.App)
		}
		if slices.Contains(service.Ports, 0) {
			return nil, fmt.Errorf("app %q: 0 is no port", service.App)
		}
		if slices.Contains(service.Executables, "") || slices.Contains(service.CommandLine, "") {
			return nil, fmt.Errorf("app %q: an empty text would match everything", service.App)
		}
		list = merge(list, service)
	}
	if len(list) > maxApps {
		return nil, fmt.Errorf("at most %d apps, not %d", maxApps, len(list))
	}
	c := &Catalogue{services: list}
	for _, service := range list {
		c.apps = append(c.apps, service.App)
	}
	slices.Sort(c.apps)
	return c, nil
}

func merge(list []Service, service Service) []Service {
	i := slices.IndexFunc(list, func(s Service) bool { return s.App == service.App })
	if i < 0 {
		return append(list, service)
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
// is plainly something else. Without a name it returns "".
func (c *Catalogue) Identify(protocol host.Protocol, port uint16, exe string, argv []string) (string, host.Confidence) {
	if protocol != host.TCP {
		return "", ""
	}
	base := path.Base(exe)
	for i := range c.services {
		if c.services[i].isOwner(base, argv) {
			return c.services[i].App, host.ConfidenceEvidence
		}
	}
	if slices.Contains(others(), base) {
		return "", ""
	}
	for i := range c.services {
		if slices.Contains(c.services[i].Ports, port) {
			return c.services[i].App, host.ConfidencePort
		}
	}
	return "", ""
}

func (s *Service) isOwner(base string, argv []string) bool {
	if slices.Contains(s.Executables, base) {
		return true
	}
	for _, word := range s.CommandLine {
		for _, argument := range argv {
			if strings.Contains(argument, word) {
				return true
			}
		}
	}
	return false
}
