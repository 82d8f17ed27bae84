package hostfs

import (
	"errors"
	"io"
	"os"
)

// ReadStart returns at most limit bytes from the beginning of a file of procfs or
// sysfs, whose size is not known before it is read.
func ReadStart(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

// ReadNames returns at most most names of a directory, in no order. An empty
// directory is no error.
func ReadNames(name string, most int) ([]string, error) {
	directory, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	names, err := directory.Readdirnames(most)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}
