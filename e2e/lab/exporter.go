package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// configuration names the lab's own network as one of pools. Whoever else listens on
// this machine is left alone: only where nobody is whom the exporter would ask does it ask
// the lab's services.
func configuration(asks bool, allowList string) string {
	return fmt.Sprintf("pool_addresses: [127.66.0.0/16]\nprobe: %t\n%s", asks, allowList)
}

// exporter is the product at work, with its usual intervals: the times that the
// lab measures are those that a user gets.
type exporter struct {
	*programs.Server
	config string
	asks   bool // services whether they let anybody in
}

// startExporter starts the exporter and waits until it has looked at everything
// once. Its configuration, with an allow list, lies beside the log.
func startExporter(ctx context.Context, path, allowList string, log *os.File) (*exporter, error) {
	config := filepath.Join(filepath.Dir(log.Name()), "lab.yml")
	if err := os.WriteFile(config, []byte(configuration(false, allowList)), 0o644); err != nil {
		return nil, err
	}
	command := exec.Command(path, "serve", "--findings.hold=20s", "--config.file="+config)
	command.Stdout, command.Stderr = log, log
	server, err := programs.StartServer(ctx, command, "/-/ready")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w; see %s", err, log.Name()), os.Remove(config))
	}
	started := &exporter{Server: server, config: config}
	others, err := started.exposesServices(ctx)
	if err == nil && !others {
		started.asks = true
		err = os.WriteFile(config, []byte(configuration(true, allowList)), 0o644)
	}
	if err == nil {
		err = syscall.Kill(server.PID, syscall.SIGHUP)
	}
	if err != nil {
		return nil, errors.Join(err, started.stop())
	}
	return started, nil
}

// exposesServices tells whether the exporter knows of a service that others reach, but
// for SSH, which it does not ask.
func (e *exporter) exposesServices(ctx context.Context) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL+"/metrics", nil)
	if err != nil {
		return false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	lines, err := io.ReadAll(response.Body)
	for line := range strings.Lines(string(lines)) {
		if strings.HasPrefix(line, "cryptojack_exposed_services{") && !strings.Contains(line, `app="ssh"`) && !strings.HasSuffix(line, " 0\n") {
			return true, err
		}
	}
	return false, err
}

// stop ends the exporter, politely first.
func (e *exporter) stop() error { return errors.Join(e.Stop(), os.Remove(e.config)) }

// finding is the part of /api/v1/findings that the lab reads.
type finding struct {
	ID       string   `json:"id"`
	Rule     string   `json:"rule"`
	Severity severity `json:"severity"`
	Title    string   `json:"title"`
	Evidence []string `json:"evidence"`
	Exempted string   `json:"exempted"`
	Suspect  *struct {
		PIDs      []int  `json:"pids"`
		Exe       string `json:"exe"`
		Ancestors []struct {
			PID int `json:"pid"`
		} `json:"ancestors"`
		Signals []struct {
			Family string `json:"family"`
		} `json:"signals"`
	} `json:"suspect"`
	File *struct {
		Path string `json:"path"`
	} `json:"file"`
	Socket *struct {
		PID int `json:"pid"`
	} `json:"socket"`
	Persistence *struct {
		Path string `json:"path"`
	} `json:"persistence"`
}

// findings asks for what the exporter has found by now.
func (e *exporter) findings(ctx context.Context) ([]finding, error) {
	var answer struct {
		Findings []finding `json:"findings"`
	}
	err := programs.Get(ctx, e.URL+"/api/v1/findings", &answer)
	return answer.Findings, err
}
