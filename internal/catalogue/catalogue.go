// Package catalogue knows the services that miners enter by: what they listen on,
// how their processes are recognised, and how each may be asked whether it lets
// anybody in. It is data and matching, without I/O.
package catalogue

import (
	"fmt"
	"path"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxApps bounds the label `app`.
const maxApps = 64

// Catalogue recognises services. It does not change.
type Catalogue struct {
	services    []Service
	places      map[string]int // in services, by app
	apps        []string
	ports       map[uint16]string
	asked       map[uint16][]string
	executables map[string]string
	others      map[string]bool
}

// New returns the built-in catalogue with more entries. An entry for an app
// that is there already adds to it; any other goes before the built-in ones, so
// that it wins a port or an evidence that two claim; its checks replace built-in
// ones. It fails on an entry that could never match, that would match
// everything, or that is one app too many.
func New(extra ...Service) (*Catalogue, error) {
	list, err := Default()
	if err != nil {
		return nil, err
	}
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

// index makes the look-ups quick. The first of two claims wins.
func index(list []Service) *Catalogue {
	c := &Catalogue{services: list, places: map[string]int{}, ports: map[uint16]string{}, asked: map[uint16][]string{}, executables: map[string]string{}, others: map[string]bool{}}
	for i, service := range list {
		c.places[service.App] = i
		c.apps = append(c.apps, service.App)
		for _, port := range service.Ports {
			if c.ports[port] == "" {
				c.ports[port] = service.App
			}
		}
		for _, port := range service.askedPorts() {
			if len(service.Checks) > 0 && !slices.Contains(c.asked[port], service.App) {
				c.asked[port] = append(c.asked[port], service.App)
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

// Candidates lists the apps that are worth asking for at a port, those that
// claim it and have checks, in the order of the catalogue. The caller must not
// change it.
func (c *Catalogue) Candidates(port uint16) []string { return c.asked[port] }

// Service returns the entry of an app.
func (c *Catalogue) Service(app string) (Service, bool) {
	at, ok := c.places[app]
	if !ok {
		return Service{}, false
	}
	return c.services[at], true
}

// Identify names the service behind a listening socket. What the owner runs is
// evidence on any port. A port alone is weak, and says nothing where the owner
// is plainly something else. exe is the path of the owner's executable without
// " (deleted)" and argv its arguments; both are empty if the owner is unknown.
// Without a name it returns "". Services are TCP only.
func (c *Catalogue) Identify(protocol model.Protocol, port uint16, exe string, argv []string) (string, model.Confidence) {
	return c.Judge(protocol, port, exe, c.Evidence(exe, argv))
}

// Judge is Identify for an owner whose Evidence is known already.
func (c *Catalogue) Judge(protocol model.Protocol, port uint16, exe, evidence string) (string, model.Confidence) {
	switch {
	case protocol != model.TCP:
		return "", ""
	case evidence != "":
		return evidence, model.ConfidenceEvidence
	case c.others[path.Base(exe)] || c.ports[port] == "":
		return "", ""
	default:
		return c.ports[port], model.ConfidencePort
	}
}
