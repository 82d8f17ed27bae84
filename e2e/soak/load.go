package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// goodConfig and badConfig take turns as the configuration.
const (
	goodConfig = "pool_addresses: [127.66.0.0/16]\nprobe: false\nallow: [{path: /opt/never/*, reason: soak}]\n"
	badConfig  = "pool_addresses: [127.66.0.0/16\nprobe: maybe\n"
)

// load is what goes on around the exporter.
type load struct {
	burner, directory, config string
	exporter                  *programs.Server
	running                   sync.WaitGroup
	kinds                     []*kind
	seen                      atomic.Bool // a suspect, at least once

	mutex  sync.Mutex
	errors []error
}

// kind is one sort of coming and going.
type kind struct {
	name  string
	pause time.Duration // between two turns
	turn  func(ctx context.Context) error
	count atomic.Int64
}

func newLoad(burner, directory, config string, exporter *programs.Server) *load {
	l := &load{burner: burner, directory: directory, config: config, exporter: exporter}
	l.kinds = []*kind{
		{name: "short processes, 50 each", pause: time.Second, turn: l.shortProcesses},
		{name: "sleeping processes under names of their own", pause: 500 * time.Millisecond, turn: l.sleeper},
		{name: "infections", pause: 2 * time.Second, turn: l.infection},
		{name: "files in /tmp, 20 each", pause: 2 * time.Second, turn: l.files},
		{name: "network namespaces with a listener", pause: 3 * time.Second, turn: l.namespace},
		{name: "containers", pause: 3 * time.Second, turn: l.container},
		{name: "scrapes", pause: 500 * time.Millisecond, turn: l.get("/metrics")},
		{name: "pages", pause: time.Second, turn: l.get("/")},
		{name: "requests to the API", pause: time.Second, turn: l.findings},
		{name: "requests that are cut off", pause: time.Second, turn: l.cutOff},
		{name: "reloads, every second one of garbage", pause: 5 * time.Second, turn: l.reload},
	}
	return l
}

// start lets everything come and go until the context ends.
func (l *load) start(ctx context.Context) {
	for _, k := range l.kinds {
		l.running.Go(func() {
			for ctx.Err() == nil {
				if err := k.turn(ctx); err != nil && ctx.Err() == nil {
					l.fail(fmt.Errorf("%s: %w", k.name, err))
					return
				}
				k.count.Add(1)
				_ = programs.Pause(ctx, k.pause) // the condition of the loop looks at its end
			}
		})
	}
}

func (l *load) fail(err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.errors = append(l.errors, err)
}

// failed is what went wrong so far.
func (l *load) failed() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return errors.Join(l.errors...)
}

// end waits until all has ended, and returns what went wrong.
func (l *load) end() error {
	l.running.Wait()
	return l.failed()
}

func (l *load) counts() (lines []string) {
	for _, k := range l.kinds {
		lines = append(lines, fmt.Sprintf("%d %s", k.count.Load(), k.name))
	}
	return lines
}

// checkSeen fails if none of the infections was found: then nothing was tried.
func (l *load) checkSeen() error {
	if !l.seen.Load() {
		return errors.New("no infection was ever found, so this run says nothing")
	}
	return nil
}

func (l *load) shortProcesses(ctx context.Context) error {
	_, err := crowd.Spawn(ctx, "/bin/true", 0, 50)
	return err
}

// get asks for a page.
func (l *load) get(path string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := l.read(ctx, path)
		return err
	}
}

// read asks for a page and reads it all.
func (l *load) read(ctx context.Context, path string) ([]byte, error) {
	response, err := l.ask(ctx, path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return io.ReadAll(response.Body)
}

func (l *load) ask(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.exporter.URL+path, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(request)
}

func (l *load) findings(ctx context.Context) error {
	var answer struct {
		Findings []struct {
			Suspect *struct {
				Exe string `json:"exe"`
			} `json:"suspect"`
		} `json:"findings"`
	}
	if err := programs.Get(ctx, l.exporter.URL+"/api/v1/findings", &answer); err != nil {
		return err
	}
	for _, f := range answer.Findings {
		if f.Suspect != nil && strings.HasPrefix(f.Suspect.Exe, infectionPrefix) {
			l.seen.Store(true)
		}
	}
	return nil
}

// cutOff sends half a request, and part of one whose answer it does not wait for.
func (l *load) cutOff(ctx context.Context) error {
	for _, text := range []string{"GET /metrics HT", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\x16\x03\x01\x00\xff garbage\r\n\r\n"} {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", l.exporter.Address)
		if err != nil {
			return err
		}
		w := bufio.NewWriter(connection)
		_, _ = w.WriteString(text) // whatever becomes of it
		_ = w.Flush()
		_ = connection.Close()
	}
	return nil
}

func (l *load) reload(context.Context) error {
	content := goodConfig
	if random(2) == 0 {
		content = badConfig
	}
	replacement := l.config + ".new"
	if err := os.WriteFile(replacement, []byte(content), 0o644); err != nil {
		return err
	}
	return errors.Join(os.Rename(replacement, l.config), syscall.Kill(l.exporter.PID, syscall.SIGHUP))
}

func (l *load) files(ctx context.Context) (err error) {
	directory, err := os.MkdirTemp("/tmp", "soak-files-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	for i := range 20 {
		content, mode := []byte("\x7fELF"+rand.Text()), os.FileMode(0o755)
		switch i % 4 {
		case 1:
			content = []byte("#!/bin/sh\n# " + rand.Text() + "\n")
		case 2:
			mode = 0o644
		}
		name := rand.Text()
		if i%3 == 0 {
			name = "." + name
		}
		if err := os.WriteFile(filepath.Join(directory, name), content, mode); err != nil {
			return err
		}
	}
	return ignoreEnd(ctx, programs.Pause(ctx, 2*time.Second))
}

// ignoreEnd leaves out that the run is over.
func ignoreEnd(ctx context.Context, err error) error {
	if errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}

// random is a number from 0 to below n.
func random(n int64) int64 {
	number, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		return 0
	}
	return number.Int64()
}
