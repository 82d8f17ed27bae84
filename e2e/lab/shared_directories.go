package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// sharedDirectories are those that several scenarios put files into and that the
// host did not have, such as /etc/cron.d in a small image.
type sharedDirectories struct {
	mutex sync.Mutex
	made  []string
}

// make makes a directory and those above it.
func (p *sharedDirectories) make(path string) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var missing []string
	for ; ; path = filepath.Dir(path) {
		_, err := os.Lstat(path)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		missing = append(missing, path)
	}
	for _, directory := range slices.Backward(missing) {
		if err := os.Mkdir(directory, 0o755); err != nil {
			return err
		}
		p.made = append(p.made, directory)
	}
	return nil
}

// remove takes them back. One with other files in it by now stays, and is an error.
func (p *sharedDirectories) remove() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var failures []error
	for _, directory := range slices.Backward(p.made) {
		if err := os.Remove(directory); err != nil && !errors.Is(err, os.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
