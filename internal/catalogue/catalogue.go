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
	services     []Service
	byApp        map[string]int // index in services
	apps         []string       // sorted
	ports        map[uint16]string
	probed       map[uint16][]string // apps that can be probed, by port
	executables  map[string]string
	uncatalogued map[string]bool // base names of well-known servers of other kinds
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
		if service.SubmissionLog != nil && !logsSubmissions(list, service.App) {
			return nil, fmt.Errorf("app %q: submission_log: the form of its log is not known", service.App)
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
	c := &Catalogue{
		services: list, byApp: map[string]int{}, ports: map[uint16]string{}, probed: map[uint16][]string{},
		executables: map[string]string{}, uncatalogued: map[string]bool{},
	}
	for i, service := range list {
		c.byApp[service.App] = i
		c.apps = append(c.apps, service.App)
		for _, port := range service.Ports {
			if c.ports[port] == "" {
				c.ports[port] = service.App
			}
		}
		for _, port := range service.probePorts() {
			if len(service.Checks) > 0 && !slices.Contains(c.probed[port], service.App) {
				c.probed[port] = append(c.probed[port], service.App)
			}
		}
		for _, name := range service.Executables {
			if c.executables[name] == "" {
				c.executables[name] = service.App
			}
		}
	}
	slices.Sort(c.apps)
	for _, name := range uncatalogued() {
		c.uncatalogued[name] = true
	}
	return c
}

// Apps lists every app, sorted. The caller must not change it.
func (c *Catalogue) Apps() []string { return c.apps }

// Candidates lists the apps that may answer at a port: those that claim it and can be
// probed, in the order of the catalogue. The caller must not change it.
func (c *Catalogue) Candidates(port uint16) []string { return c.probed[port] }

// ProbedApps lists the apps that can be probed.
func (c *Catalogue) ProbedApps() []string {
	var apps []string
	for i := range c.services {
		if len(c.services[i].Checks) > 0 {
			apps = append(apps, c.services[i].App)
		}
	}
	return apps
}

// Service returns the entry of an app.
func (c *Catalogue) Service(app string) (Service, bool) {
	at, ok := c.byApp[app]
	if !ok {
		return Service{}, false
	}
	return c.services[at], true
}

// Identify names the service behind a listening socket, or returns "". What the owner
// runs, its Evidence, counts on any port. A port alone is weak, and says nothing where
// the owner is a well-known server of another kind. exe is the path of the owner's
// executable without " (deleted)", or "" if the owner is unknown. Services are TCP only.
func (c *Catalogue) Identify(protocol model.Protocol, port uint16, exe, evidence string) (string, model.Confidence) {
	switch {
	case protocol != model.TCP:
		return "", ""
	case evidence != "":
		return evidence, model.ConfidenceEvidence
	case c.uncatalogued[path.Base(exe)] || c.ports[port] == "":
		return "", ""
	default:
		return c.ports[port], model.ConfidencePort
	}
}
