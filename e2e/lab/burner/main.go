// Burner is the harmless program that plays every part in the attack lab. It
// has no miner in it: it counts in a loop, sleeps, and ends by itself. What it
// does is told by package role.
package main

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/role"
)

// defaultLimit ends a burner whatever became of the lab.
const defaultLimit = 150 * time.Second

func main() {
	if err := play(); err != nil {
		fmt.Fprintln(os.Stderr, "burner:", err)
		os.Exit(1)
	}
}

func play() error {
	part, err := role.Decode()
	if err != nil {
		return err
	}
	if part.Limit <= 0 {
		part.Limit = defaultLimit
	}
	deadline := time.Now().Add(part.Limit)
	switch {
	case part.Memfd != "":
		return runFromMemory(part)
	case part.Detach > 0:
		return detach(part)
	case part.Box != nil:
		return box(*part.Box, deadline)
	}
	if err := disguise(part); err != nil {
		return err
	}
	if err := takeMemory(part.Memory, part.Threads); err != nil {
		return err
	}
	if err := network(part); err != nil {
		return err
	}
	for _, child := range part.Start {
		if err := start(child); err != nil {
			return err
		}
	}
	if part.Keep != nil {
		go keep(*part.Keep, part.Grow)
	}
	burn(part.Threads, part.Duty, deadline)
	return nil
}

// disguise changes what others see of this process.
func disguise(part role.Role) error {
	if part.Delete {
		own, err := os.Executable()
		if err != nil {
			return err
		}
		if err := os.Remove(own); err != nil {
			return err
		}
	}
	if part.Comm != "" {
		// Of the whole process, whichever thread writes it.
		if err := os.WriteFile("/proc/self/comm", []byte(part.Comm), 0); err != nil {
			return err
		}
	}
	if part.ZeroArgv {
		zeroArguments()
	}
	return nil
}

// network opens what the role asks for, and leaves it open.
func network(part role.Role) error {
	if part.Listen != "" {
		listener, err := net.Listen("tcp4", part.Listen)
		if err != nil {
			return err
		}
		go acceptAll(listener)
	}
	if part.Connect != "" {
		connection, err := net.DialTimeout("tcp4", part.Connect, 5*time.Second)
		if err != nil {
			return err
		}
		go func() { _, _ = connection.Read(make([]byte, 1)) }() // holds it open
	}
	return nil
}

func acceptAll(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = connection.Close() }()
			_, _ = connection.Read(make([]byte, 1)) // until the peer ends
		}()
	}
}
