package programs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"
)

// readyLimit is how long a server may take to be ready on a busy machine.
const readyLimit = time.Minute

// requestLimit is how long one HTTP request may take.
const requestLimit = 10 * time.Second

// Server is a program that answers HTTP on a loopback address.
type Server struct {
	*Program
	Address string // IP:PORT
	URL     string // without a path
}

// StartServer starts a program that takes --web.listen-address, as those of
// Prometheus do, at a free address. It returns when GET of the path answers with
// 200 OK. If it returns an error the program has ended.
func StartServer(ctx context.Context, command *exec.Cmd, readyPath string) (*Server, error) {
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	command.Args = append(command.Args, "--web.listen-address="+address)
	program, err := Start(command)
	if err != nil {
		return nil, err
	}
	server := &Server{Program: program, Address: address, URL: "http://" + address}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-program.Done():
			cancel(program.Ended())
		case <-ctx.Done():
		}
	}()
	err = Eventually(ctx, readyLimit, program.Name+" is ready", func() error { return Get(ctx, server.URL+readyPath, nil) })
	if err != nil {
		return nil, errors.Join(err, program.Stop())
	}
	return server, nil
}

// Assets has the exporter write its rules and examples into a directory.
func Assets(ctx context.Context, exporter, directory string) error {
	output, err := exec.CommandContext(ctx, exporter, "assets", directory).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s assets: %w: %s", exporter, err, output)
	}
	return nil
}

// Prometheus is the command of a Prometheus. What it stores goes below the
// directory of its configuration.
func Prometheus(program, config string) *exec.Cmd {
	return exec.Command(program, "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(filepath.Dir(config), "prometheus-data"))
}

// Alertmanager is the command of an Alertmanager that has no cluster. What it
// stores goes below the directory of its configuration.
func Alertmanager(program, config string) *exec.Cmd {
	return exec.Command(program, "--config.file="+config, "--cluster.listen-address=",
		"--storage.path="+filepath.Join(filepath.Dir(config), "alertmanager-data"))
}

// FreeAddress is a loopback address that nothing listens on at this moment.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// Get asks a server and decodes its answer, which is JSON, unless into is nil. Any
// status but 200 OK is an error.
func Get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}
