package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// parents are directories that several scenarios put files into and that the
// host did not have, such as /etc/cron.d in a small image.
type parents struct {
	mutex sync.Mutex
	made  []string
}

// make makes a directory and those above it.
func (p *parents) make(path string) error {
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

// remove takes them back. One with other files in it by now stays, and is told.
func (p *parents) remove() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var troubles []error
	for _, directory := range slices.Backward(p.made) {
		if err := os.Remove(directory); err != nil && !errors.Is(err, os.ErrNotExist) {
			troubles = append(troubles, err)
		}
	}
	return errors.Join(troubles...)
}
