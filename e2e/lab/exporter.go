package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// configuration names the lab's own network as one of pools, and asks nobody: what
// else listens on this machine is left alone.
const configuration = "pool_addresses: [127.66.0.0/16]\nprobe: false\n"

// exporter is the product at work, with its usual intervals: the times that the
// lab measures are those that a user gets.
type exporter struct {
	*programs.Server
	config string
}

// startExporter starts the exporter and waits until it has looked at everything
// once. Its configuration lies beside the log.
func startExporter(ctx context.Context, path string, log *os.File) (*exporter, error) {
	config := filepath.Join(filepath.Dir(log.Name()), "lab.yml")
	if err := os.WriteFile(config, []byte(configuration), 0o644); err != nil {
		return nil, err
	}
	command := exec.Command(path, "serve", "--findings.hold=20s", "--config.file="+config)
	command.Stdout, command.Stderr = log, log
	server, err := programs.StartServer(ctx, command, "/-/ready")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w; see %s", err, log.Name()), os.Remove(config))
	}
	return &exporter{server, config}, nil
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
