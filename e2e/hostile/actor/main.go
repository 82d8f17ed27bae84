// Actor plays the hostile processes of the trials. It writes "ready" when its part is set
// up, and goes on with it until it is killed, or the program ends that has started it.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// limit ends an actor whatever became of the trial.
const limit = 15 * time.Minute

func main() {
	if err := play(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "actor:", err)
		os.Exit(1)
	}
}

// parts are what an actor can play: each sets itself up and returns.
func parts() map[string]func(number int) error {
	return map[string]func(int) error{
		"bomb":     bomb,
		"listen":   listen,
		"splinter": splinter,
		"zombies":  zombies,
	}
}

func play(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("name a part")
	}
	part := parts()[arguments[0]]
	if part == nil {
		return fmt.Errorf("%q is no part", arguments[0])
	}
	number := 0
	if len(arguments) > 1 {
		var err error
		if number, err = strconv.Atoi(arguments[1]); err != nil {
			return err
		}
	}
	if err := part(number); err != nil {
		return fmt.Errorf("%s: %w", arguments[0], err)
	}
	ready()
	time.Sleep(limit)
	return nil
}

func ready() { fmt.Fprintln(os.Stdout, "ready") }
