package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// configuration names the lab's own network as one of pools, and asks nobody: what
// else listens on this machine is left alone.
const configuration = "pool_addresses: [127.66.0.0/16]\nprobe: false\n"

// exporter is the product at work, with its usual intervals: the times that the
// lab measures are those that a user gets.
type exporter struct {
	command *exec.Cmd
	url     string
	config  string
	ended   chan struct{}
}

// startExporter starts the exporter and waits until it has looked at everything
// once.
func startExporter(ctx context.Context, path string, log *os.File) (*exporter, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	config := filepath.Join(filepath.Dir(log.Name()), "lab.yml")
	if err := os.WriteFile(config, []byte(configuration), 0o644); err != nil {
		return nil, err
	}
	e := &exporter{url: "http://" + address, config: config, ended: make(chan struct{})}
	e.command = exec.Command(path, "serve",
		"--web.listen-address="+address, "--findings.hold=20s", "--config.file="+config)
	e.command.Stdout, e.command.Stderr = log, log
	// A group of its own, so that Ctrl-C reaches the lab alone, which takes
	// things back in order.
	e.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := e.command.Start(); err != nil {
		return nil, errors.Join(err, os.Remove(config))
	}
	go func() {
		_ = e.command.Wait() // whoever waits for ended reports it
		close(e.ended)
	}()
	if err := e.ready(ctx, log.Name()); err != nil {
		return nil, errors.Join(err, e.stop())
	}
	return e, nil
}

func (e *exporter) ready(ctx context.Context, log string) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.ended:
			return fmt.Errorf("the exporter has ended: %s; see %s", e.command.ProcessState, log)
		case <-time.After(200 * time.Millisecond):
		}
		response, err := http.Get(e.url + "/-/ready")
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("the exporter is not ready after a minute; see " + log)
}

// stop ends the exporter, politely first.
func (e *exporter) stop() error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		select {
		case <-e.ended:
			return os.Remove(e.config)
		default:
		}
		if err := e.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-e.ended:
			return os.Remove(e.config)
		case <-time.After(10 * time.Second):
		}
	}
	return errors.New("the exporter does not end")
}

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
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+"/api/v1/findings", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /api/v1/findings: %s", response.Status)
	}
	var answer struct {
		Findings []finding `json:"findings"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("GET /api/v1/findings: %w", err)
	}
	return answer.Findings, nil
}
