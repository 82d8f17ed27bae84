// Burner is the harmless program that plays every part in the attack lab. It
// has no miner in it: it counts in a loop, sleeps, and ends by itself. What it
// does is described by package task.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
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
	work, err := task.Decode()
	if err != nil {
		return err
	}
	if work.Limit <= 0 {
		work.Limit = defaultLimit
	}
	deadline := time.Now().Add(work.Limit)
	switch {
	case work.Memfd != "":
		return runFromMemory(work)
	case work.Detach > 0:
		return detach(work)
	case work.Container != nil:
		return runContainer(*work.Container, deadline)
	}
	if err := disguise(work); err != nil {
		return err
	}
	if err := takeMemory(work.Memory, work.Threads); err != nil {
		return err
	}
	if err := mapLibrary(work.Map); err != nil {
		return err
	}
	if err := network(work); err != nil {
		return err
	}
	for _, child := range work.Start {
		if err := start(child); err != nil {
			return err
		}
	}
	if work.Restart != nil {
		go restart(*work.Restart, work.Mutate)
	}
	if work.Hop > 0 && work.Hop < work.Limit {
		burn(work.Threads, work.Duty, time.Now().Add(work.Hop))
		return hop(work, deadline)
	}
	burn(work.Threads, work.Duty, deadline)
	return nil
}

// disguise changes what others see of this process.
func disguise(work task.Task) error {
	if work.Delete {
		own, err := os.Executable()
		if err != nil {
			return err
		}
		if err := os.Remove(own); err != nil {
			return err
		}
	}
	if work.Comm != "" {
		// Of the whole process, whichever thread writes it.
		if err := os.WriteFile("/proc/self/comm", []byte(work.Comm), 0); err != nil {
			return err
		}
	}
	if work.ZeroArgv {
		zeroArguments()
	}
	return nil
}

// network opens what the task asks for, and leaves it open.
func network(work task.Task) error {
	if work.Listen != "" {
		listener, err := net.Listen("tcp4", work.Listen)
		if err != nil {
			return err
		}
		go acceptAll(listener, work.Answers)
	}
	if work.Connect != "" {
		connection, err := net.DialTimeout("tcp4", work.Connect, 5*time.Second)
		if err != nil {
			return err
		}
		go func() { _, _ = connection.Read(make([]byte, 1)) }() // holds it open
	}
	return nil
}

func acceptAll(listener net.Listener, answers []task.Answer) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = connection.Close() }()
			if len(answers) > 0 {
				answer(connection, answers)
				return
			}
			_, _ = connection.Read(make([]byte, 1)) // until the peer ends
		}()
	}
}

// answer reads the first line of one HTTP request, and says what belongs to it.
func answer(connection net.Conn, answers []task.Answer) {
	if err := connection.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return
	}
	line, err := bufio.NewReader(connection).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) < 2 {
		return
	}
	found := task.Answer{Status: 404}
	for _, known := range answers {
		if known.Path == fields[1] {
			found = known
		}
	}
	fmt.Fprintf(connection, "HTTP/1.1 %d -\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		found.Status, len(found.Body), found.Body)
}
