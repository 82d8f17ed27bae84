package programs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Copy copies an executable to a path that must not exist. The mark goes behind
// its end, so that copies with different marks differ in content and run alike.
func Copy(from, to, mark string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return WriteNew(to, append(content, mark...), 0o755)
}

// WriteNew writes a file that must not exist, with this mode whatever the umask.
// After an error there is none that it has made.
func WriteNew(path string, content []byte, mode os.FileMode) error {
	// A program that is started meanwhile would inherit the open file for a moment,
	// and what is open for writing cannot be run (ETXTBSY of execve(2)).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, os.ErrExist) {
		return AlreadyThere(path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Chmod(mode), file.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// AlreadyThere is the error about a file that the tests would have made.
func AlreadyThere(path string) error {
	return fmt.Errorf("%s exists already. Is it the rest of a killed run, or is this host infected? Look, then remove it: %w", path, os.ErrExist)
}

// AppendLines appends lines to a file, which it makes if it is not there. Without a
// name or lines it does nothing.
func AppendLines(path string, lines []string) error {
	if path == "" || len(lines) == 0 {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, file.Close())
}
