package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

// listen plays the exposed service. It ends when its parent, the test, is gone.
func listen(address, guardian string, deadline time.Time) error {
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	go closeConnections(listener)

	command := exec.Command(guardian)
	command.Env = append(os.Environ(), "REPLICA_MODE=guardian")
	if err := command.Start(); err != nil {
		return fmt.Errorf("cannot start the guardian: %w", err)
	}
	go func() { _ = command.Wait() }() // reaps it

	sleep(deadline)
	return nil
}

func closeConnections(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		_ = connection.Close()
	}
}
