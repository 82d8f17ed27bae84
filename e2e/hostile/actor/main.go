// Actor plays the hostile processes of the trials. It writes "ready" when its part is set
// up, and goes on with it until it is killed, or the program ends that has started it.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// limit ends an actor whatever became of the trial.
const limit = 15 * time.Minute

func main() {
	// The main thread plays, as some parts are about it.
	runtime.LockOSThread()
	time.AfterFunc(limit, func() { os.Exit(0) })
	if err := play(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "actor:", err)
		os.Exit(1)
	}
}

// part is what an actor can play. It calls ready when it is set up, or returns then.
type part func(number int, arguments []string) error

func parts() map[string]part {
	return map[string]part{
		"bomb": bomb, "splinter": splinter, "zombies": zombies, "headless": headless, "threads": threads, "vfork": vfork, "traced": traced,
		"renames": renames, "execs": execs, "forks": forks, "burns": burns,
		"mappings": mappings, "arguments": arguments,
		"descriptors": descriptors, "listen": listen,
	}
}

func play(line []string) error {
	if len(line) == 0 || parts()[line[0]] == nil {
		return errors.New("name a part")
	}
	number := 0
	if len(line) > 1 {
		number, _ = strconv.Atoi(line[1]) // 0 for what is no number
	}
	if err := parts()[line[0]](number, slices.Clone(line[1:])); err != nil {
		return fmt.Errorf("%s: %w", line[0], err)
	}
	ready()
	select {}
}

func ready() { fmt.Fprintln(os.Stdout, "ready") }
