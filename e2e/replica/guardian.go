package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// restartDelay is how long the guardian waits before it starts a new burner.
const restartDelay = 2 * time.Second

// guard starts the burner whose path the control file holds, and again each time
// that it ends. It ends when the listener that started it is gone or the control
// file is.
func guard(control string, deadline time.Time) error {
	watch := newParentWatch()
	for time.Now().Before(deadline) && !watch.gone() {
		content, err := os.ReadFile(control)
		if err != nil {
			return fmt.Errorf("cannot read which burner to start: %w", err)
		}
		command := exec.Command(strings.TrimSpace(string(content)))
		command.Env = append(os.Environ(), "REPLICA_MODE=burner")
		if err := command.Start(); err != nil {
			return fmt.Errorf("cannot start the burner: %w", err)
		}
		ended := make(chan struct{})
		go func() {
			_ = command.Wait() // a kill is what we wait for
			close(ended)
		}()
		waitFor(ended, watch, deadline)
		time.Sleep(restartDelay)
	}
	return nil
}

// waitFor returns when the burner ended, the parent is gone or time is up.
func waitFor(ended <-chan struct{}, watch parentWatch, deadline time.Time) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case now := <-ticker.C:
			if watch.gone() || now.After(deadline) {
				return
			}
		}
	}
}
