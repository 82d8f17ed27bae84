// Package assets writes the bundled files into a directory: all of them or, if
// one cannot be written, none.
package assets

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

const (
	fileMode      = 0o644 // whatever the umask: services of other users read them
	directoryMode = 0o755
)

// Folder is a directory of files, by their names with slashes, and its own name among
// those that are written.
type Folder struct {
	Name  string
	Files map[string][]byte
}

// Write writes the folders into the directory, which it makes if need be, and
// tells out each file. A file of the same name is replaced, any other is left.
func Write(directory string, folders []Folder, out io.Writer) error {
	w, err := open(directory)
	if err != nil {
		return err
	}
	defer func() { _ = w.root.Close() }()
	var written []string
	if err = w.stageAll(folders); err == nil {
		written, err = w.commit()
	}
	if err = errors.Join(err, w.discard()); err != nil {
		return err
	}
	// Only now: a reader that goes away ends this program (SIGPIPE).
	for _, file := range written {
		if _, err := fmt.Fprintln(out, "wrote", file); err != nil {
			return fmt.Errorf("everything is written, but cannot be listed: %w", err)
		}
	}
	return nil
}

// writer first writes every file beside its place, under a temporary name, and
// then renames all: a full disk leaves what was there before. os.Root keeps it
// below the directory whatever links somebody puts there meanwhile.
type writer struct {
	directory string // as users know it, for messages
	root      *os.Root
	staged    []staged
	made      []string // directories below it, the outer first
	madeAbove []string // it and those above it, likewise
}

// staged is a file that is written and not yet in its place.
type staged struct{ temporary, name string }

func open(directory string) (*writer, error) {
	if directory == "" {
		return nil, errors.New("the directory has an empty name: say where to write to")
	}
	w := &writer{directory: filepath.Clean(directory)}
	err := w.makeAbove(w.directory)
	if err == nil {
		w.root, err = os.OpenRoot(w.directory)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("use the directory: %w", err), w.discard())
	}
	return w, nil
}

// makeAbove makes the directory, and those above it that are not there.
func (w *writer) makeAbove(directory string) error {
	state, err := os.Lstat(directory)
	if err == nil {
		if directory != w.directory {
			return nil // a parent may be a link
		}
		return expectDirectory(directory, state)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := w.makeAbove(filepath.Dir(directory)); err != nil {
		return err
	}
	if err := os.Mkdir(directory, directoryMode); err != nil {
		return err
	}
	w.madeAbove = append(w.madeAbove, directory)
	return os.Chmod(directory, directoryMode)
}

// path is the name of a file for messages.
func (w *writer) path(name string) string { return filepath.Join(w.directory, name) }

func expectDirectory(path string, state fs.FileInfo) error {
	switch {
	case state.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link, which is not followed: name the directory that it leads to, or remove it", path)
	case !state.IsDir():
		return fmt.Errorf("%s is there and is not a directory: name another, or remove it", path)
	}
	return nil
}

func (w *writer) stageAll(folders []Folder) error {
	for _, folder := range folders {
		for _, name := range slices.Sorted(maps.Keys(folder.Files)) {
			target := path.Join(folder.Name, name)
			if err := w.makeDirectories(path.Dir(target)); err != nil {
				return err
			}
			if err := w.stage(target, folder.Files[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeDirectories makes one below the directory, and those above it.
func (w *writer) makeDirectories(name string) error {
	if name == "." {
		return nil
	}
	if err := w.makeDirectories(path.Dir(name)); err != nil {
		return err
	}
	return w.makeDirectory(name)
}

func (w *writer) makeDirectory(name string) error {
	state, err := w.root.Lstat(name)
	if err == nil {
		return expectDirectory(w.path(name), state)
	}
	if err = w.root.Mkdir(name, directoryMode); err == nil {
		w.made = append(w.made, name)
		err = w.root.Chmod(name, directoryMode)
	}
	if err != nil {
		return fmt.Errorf("make the directory %s: %w", w.path(name), err)
	}
	return nil
}

// stage writes a file under a temporary name beside its place.
func (w *writer) stage(name string, content []byte) error {
	state, err := w.root.Lstat(name)
	if err == nil && !state.Mode().IsRegular() {
		return fmt.Errorf("%s is there and is not a regular file (a symbolic link is not followed): remove it", w.path(name))
	}
	temporary := path.Join(path.Dir(name), ".new-"+rand.Text())
	file, err := w.root.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return fmt.Errorf("write %s: %w", w.path(name), err)
	}
	w.staged = append(w.staged, staged{temporary, name})
	_, err = file.Write(content)
	if err = errors.Join(err, file.Chmod(fileMode), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", w.path(name), err)
	}
	return nil
}

// commit puts every file in its place, and says which.
func (w *writer) commit() (written []string, err error) {
	w.made, w.madeAbove = nil, nil
	for len(w.staged) > 0 {
		next := w.staged[0]
		if err := w.root.Rename(next.temporary, next.name); err != nil {
			return written, fmt.Errorf("replace %s: %w", w.path(next.name), err)
		}
		w.staged = w.staged[1:]
		written = append(written, w.path(next.name))
	}
	return written, nil
}

// discard removes what did not get into its place.
func (w *writer) discard() error {
	var failures []error
	for _, file := range w.staged {
		failures = append(failures, w.root.Remove(file.temporary))
	}
	for _, directory := range slices.Backward(w.made) {
		failures = append(failures, w.root.Remove(directory))
	}
	for _, directory := range slices.Backward(w.madeAbove) {
		failures = append(failures, os.Remove(directory))
	}
	return errors.Join(failures...)
}
