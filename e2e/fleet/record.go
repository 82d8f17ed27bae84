package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// restLimit is how long findings of what is over may last.
const restLimit = 5 * time.Minute

// record runs the exporter on this host and returns what it says while nothing special
// happens, and while a harmless program with a miner's name burns a core.
func record(ctx context.Context, set settings, progress io.Writer) (quiet, mined *recording, err error) {
	command := exec.Command(set.exporter, "--log.level=error")
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	server, err := programs.StartServer(ctx, command, "/-/ready")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	fmt.Fprintln(progress, "waiting until this host is at rest: no suspects")
	if err := programs.Eventually(ctx, restLimit, "this host has no suspects, which would be on every simulated host", func() error {
		return suspects(ctx, server.URL, func(count float64) bool { return count == 0 }, "critical", "warning")
	}); err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(progress, "recording a host at rest: %d scrapes\n", set.recorded)
	if quiet, err = recordSome(ctx, server.URL, set.recorded); err != nil {
		return nil, nil, err
	}
	stop, err := startMiner(set.burner)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := programs.Eventually(ctx, time.Minute, "the exporter finds the miner", func() error {
		return suspects(ctx, server.URL, func(count float64) bool { return count > 0 }, "critical")
	}); err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(progress, "recording a host that is mined: %d scrapes\n", set.recorded)
	mined, err = recordSome(ctx, server.URL, set.recorded)
	return quiet, mined, err
}

func recordSome(ctx context.Context, url string, count int) (*recording, error) {
	r := &recording{}
	for i := range count {
		if i > 0 {
			if err := programs.Pause(ctx, scrapePeriod); err != nil {
				return nil, err
			}
		}
		exposition, err := fetch(ctx, url+"/metrics")
		if err != nil {
			return nil, err
		}
		if err := r.add(time.Now(), exposition); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// startMiner starts the burner as nobody, under a name that miners have. The caller
// stops it.
func startMiner(burner string) (stop func() error, err error) {
	// Digits may follow a miner's name, and no run meets the rest of another.
	path := filepath.Join("/tmp", fmt.Sprintf("kdevtmpfsi%09d", rand.IntN(1e9)))
	if err := programs.Copy(burner, path, path); err != nil {
		return nil, err
	}
	environment, err := task.Task{Threads: 1, Limit: time.Hour}.Encode()
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	command := &exec.Cmd{Path: path, Args: []string{path}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin", "HOME=/", environment}}
	programs.AsNobody(command)
	program, err := programs.Start(command)
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return func() error { return errors.Join(program.KillGroup(), os.Remove(path)) }, nil
}

// suspects returns an error unless the exporter has as many suspects of each of these
// severities as is wanted.
func suspects(ctx context.Context, url string, wanted func(count float64) bool, severities ...string) error {
	exposition, err := fetch(ctx, url+"/metrics")
	if err != nil {
		return err
	}
	r := &recording{}
	if err := r.add(time.Now(), exposition); err != nil {
		return err
	}
	for _, severity := range severities {
		series := fmt.Sprintf("cryptojack_suspects{severity=%q}", severity)
		if count, there := r.scrapes[0].values[series]; !there || !wanted(count) {
			return fmt.Errorf("%s is %v (the page at %s says what it is)", series, count, url)
		}
	}
	return nil
}

// fetch gets a page.
func fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.200s", url, response.Status, body)
	}
	return body, err
}
