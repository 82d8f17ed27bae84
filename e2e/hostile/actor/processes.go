package main

import (
	"errors"
	"syscall"
	"time"
)

// own is the program of this process.
const own = "/proc/self/exe"

// zombies starts children that end, and waits for none.
func zombies(number int) error {
	for range number {
		if _, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{}); err != nil {
			return err
		}
	}
	return nil
}

// bomb starts a process that starts further ones, until there is no room for more.
func bomb(int) error {
	for {
		switch err := another(); {
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case err != nil:
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// splinter goes on with it for ever.
func splinter(int) error {
	for {
		_ = another() // there is no room, mostly
		time.Sleep(50 * time.Millisecond)
	}
}

func another() error {
	_, err := syscall.ForkExec(own, []string{"actor", "splinter"}, &syscall.ProcAttr{})
	return err
}
