package e2e

import (
	"context"
	"fmt"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// finding is what these tests read of /api/v1/findings.
type finding struct {
	Rule     string   `json:"rule"`
	Severity string   `json:"severity"`
	Evidence []string `json:"evidence"`
	Socket   *struct {
		App  string `json:"app"`
		Port int    `json:"port"`
	} `json:"socket"`
	Suspect *struct {
		ID      string `json:"id"`
		Exe     string `json:"exe"`
		Signals []struct {
			Evidence string `json:"evidence"`
		} `json:"signals"`
		Ancestors []struct {
			PID  int    `json:"pid"`
			Comm string `json:"comm"`
			Exe  string `json:"exe"`
		} `json:"ancestors"`
	} `json:"suspect"`
}

// says is everything that the finding has as evidence.
func (f finding) says() string {
	sentences := append([]string(nil), f.Evidence...)
	if f.Suspect != nil {
		for _, signal := range f.Suspect.Signals {
			sentences = append(sentences, signal.Evidence)
		}
	}
	return strings.Join(sentences, "\n")
}

// findings asks the exporter for all findings.
func findings(url string) ([]finding, error) {
	var all struct {
		Findings []finding `json:"findings"`
	}
	err := programs.Get(context.Background(), url+"/api/v1/findings", &all)
	return all.Findings, err
}

// exposedFindings are those about an app that others can reach.
func exposedFindings(url, app string) ([]finding, error) {
	all, err := findings(url)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, f := range all {
		if f.Rule == "exposed_service" && f.Socket != nil && f.Socket.App == app {
			found = append(found, f)
		}
	}
	return found, nil
}

// exposedFinding is the one finding about the app.
func exposedFinding(url, app string) (finding, error) {
	found, err := exposedFindings(url, app)
	if err != nil {
		return finding{}, err
	}
	if len(found) != 1 {
		return finding{}, fmt.Errorf("%d findings about an exposed %s, want 1: %v", len(found), app, found)
	}
	return found[0], nil
}

// suspectFinding is the finding about the suspect that runs the executable.
func suspectFinding(url, exe string) (finding, error) {
	all, err := findings(url)
	if err != nil {
		return finding{}, err
	}
	for _, f := range all {
		if f.Suspect != nil && f.Suspect.Exe == exe {
			return f, nil
		}
	}
	return finding{}, fmt.Errorf("no finding has the suspect %s", exe)
}
