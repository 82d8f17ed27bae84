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
	"slices"
	"syscall"
	"time"
)

// startLimit is how long each part may take to be ready on a busy machine.
const startLimit = time.Minute

// program is a part of the stack that runs.
type program struct {
	command *exec.Cmd
	ended   chan struct{}
}

// stack is a fresh exporter, Prometheus and Alertmanager, and the pager.
type stack struct {
	log                  *os.File
	hook                 *hook
	programs             []*program
	exporter, prometheus string // addresses
}

// startStack starts everything and waits until the exporter was scraped. Each
// run has its own: Alertmanager does not tell again of what is firing already.
func startStack(ctx context.Context, set settings, directory string, log *os.File) (_ *stack, err error) {
	s := &stack{log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.hook, err = startHook(); err != nil {
		return nil, err
	}
	addresses, err := freeAddresses(3)
	if err != nil {
		return nil, err
	}
	s.exporter, s.prometheus = addresses[0], addresses[1]
	alertmanager := addresses[2]
	if err := writeConfigs(ctx, set, directory, s.exporter, alertmanager, s.hook.url); err != nil {
		return nil, err
	}
	for _, argv := range [][]string{
		{set.exporter, "--web.listen-address=" + s.exporter},
		{
			set.alertmanager, "--config.file=" + filepath.Join(directory, "alerts", "pagebench.yml"), "--storage.path=" + filepath.Join(directory, "alertmanager"),
			"--web.listen-address=" + alertmanager, "--cluster.listen-address=",
		},
		{
			set.prometheus, "--config.file=" + filepath.Join(directory, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(directory, "prometheus"),
			"--web.listen-address=" + s.prometheus,
		},
	} {
		if err := s.start(argv); err != nil {
			return nil, err
		}
	}
	for _, address := range addresses {
		if err := s.eventually(ctx, address+" is ready", func() error { return get(ctx, "http://"+address+"/-/ready", nil) }); err != nil {
			return nil, err
		}
	}
	return s, s.eventually(ctx, "Prometheus scrapes the exporter", func() error { return s.scraped(ctx) })
}

func (s *stack) start(argv []string) error {
	command := exec.Command(argv[0], argv[1:]...)
	command.Stdout, command.Stderr = s.log, s.log
	// A group of its own, so that Ctrl-C reaches the bench alone, which takes
	// things back in order.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("%w: `make e2e-tools test-tools` installs what it needs", err)
	}
	p := &program{command: command, ended: make(chan struct{})}
	s.programs = append(s.programs, p)
	go func() {
		_ = command.Wait() // whoever looks at ended reports it
		close(p.ended)
	}()
	return nil
}

// eventually calls check until it returns nil.
func (s *stack) eventually(ctx context.Context, what string, check func() error) error {
	for deadline := time.Now().Add(startLimit); ; {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s: %w; see %s", what, startLimit, err, s.log.Name())
		}
		if err := s.alive(); err != nil {
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// alive returns an error if a part has ended.
func (s *stack) alive() error {
	for _, p := range s.programs {
		select {
		case <-p.ended:
			return fmt.Errorf("%s has ended: %s; see %s", p.command.Path, p.command.ProcessState, s.log.Name())
		default:
		}
	}
	return nil
}

// scraped returns an error unless Prometheus has scraped the exporter.
func (s *stack) scraped(ctx context.Context) error {
	var answer struct {
		Data struct {
			Result []json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := get(ctx, "http://"+s.prometheus+"/api/v1/query?query=cryptojack_cpus", &answer); err != nil {
		return err
	}
	if len(answer.Data.Result) == 0 {
		return errors.New("there is no cryptojack_cpus")
	}
	return nil
}

// stop ends everything, politely first.
func (s *stack) stop() error {
	var troubles []error
	for _, p := range slices.Backward(s.programs) {
		troubles = append(troubles, p.stop())
	}
	if s.hook != nil {
		troubles = append(troubles, s.hook.server.Close())
	}
	return errors.Join(troubles...)
}

func (p *program) stop() error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-p.ended:
			return nil
		case <-time.After(10 * time.Second):
		}
	}
	return fmt.Errorf("%s (pid %d) does not end", p.command.Path, p.command.Process.Pid)
}

// get asks and decodes the answer, unless into is nil.
func get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
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

// freeAddresses are loopback addresses that nothing listens on at this moment.
func freeAddresses(count int) ([]string, error) {
	var addresses []string
	for range count {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }() // all together, so that they differ
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}

// pause lets time pass.
func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
