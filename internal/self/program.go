package self

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	maxProgram  = 256 << 20 // bytes that are compared of a program
	compareTime = 5 * time.Second
)

// stamp changes with each change of a file: nobody can set ctime back.
type stamp struct {
	fileIdentity
	size     int64
	modified unix.Timespec
	changed  unix.Timespec
}

func stampOf(stat *unix.Stat_t) stamp {
	return stamp{fileIdentity{stat.Dev, stat.Ino}, stat.Size, stat.Mtim, stat.Ctim}
}

// program is the file that the exporter runs from.
type program struct {
	path    string
	running *os.File // held open, so that it can be read after it was deleted
	stat    unix.Stat_t

	compared stamp // of what was last found in its place
	found    model.SelfChange
}

// openProgram remembers what runs. It is nil if that cannot be told.
func openProgram(own string) *program {
	path, err := os.Readlink(filepath.Join(own, "exe"))
	if err != nil {
		return nil
	}
	running, err := os.Open(filepath.Join(own, "exe"))
	if err != nil {
		return nil
	}
	p := &program{path: path, running: running}
	if p.stat, err = hostfs.Stat(running); err != nil {
		running.Close()
		return nil
	}
	return p
}

// change tells what was done to the program since it began, if anything.
func (p *program) change(guard *hostfs.Guard) []model.SelfChange {
	if p == nil {
		return nil
	}
	var stat unix.Stat_t
	switch err := unix.Stat(p.path, &stat); {
	case errors.Is(err, fs.ErrNotExist):
		return []model.SelfChange{{Kind: model.ProgramDeleted, Subject: p.path}}
	case err != nil, stat.Dev == p.stat.Dev && stat.Ino == p.stat.Ino:
		return nil
	}
	if now := stampOf(&stat); now != p.compared {
		found, err := hostfs.Within(guard, compareTime, func() (model.SelfChange, error) { return p.compare() })
		if err != nil {
			found = model.SelfChange{Kind: model.ProgramReplaced, Subject: p.path, Detail: "What lies there cannot be read: " + text.Escape(err.Error()) + "."}
		}
		p.found, p.compared = found, now
	}
	if p.found.Kind == "" {
		return nil
	}
	return []model.SelfChange{p.found}
}

// compare reads what lies in the place of the program. The zero value stands for the same
// content: it was installed again.
func (p *program) compare() (model.SelfChange, error) {
	file, err := hostfs.OpenLocal(p.path)
	if err != nil {
		return model.SelfChange{}, err
	}
	defer file.Close()
	stat, err := hostfs.Stat(file)
	if err != nil {
		return model.SelfChange{}, err
	}
	before, err := digest(p.running)
	if err != nil {
		return model.SelfChange{}, err
	}
	after, err := digest(file)
	if err != nil {
		return model.SelfChange{}, err
	}
	if before == after {
		return model.SelfChange{}, nil
	}
	found := model.SelfChange{Kind: model.ProgramReplaced, Subject: p.path, Detail: fmt.Sprintf("It has the sha256 %.12s, what runs has %.12s.", after, before)}
	trusted := (stat.Uid == 0 || stat.Uid == p.stat.Uid) && stat.Mode&0o022 == 0
	if trusted && sameProgram(p.running, file) {
		found.Kind = model.ProgramUpgraded
	}
	return found, nil
}

func digest(file *os.File) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(file, 0, maxProgram)); err != nil {
		return "", fmt.Errorf("read a program: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// sameProgram tells whether two files are builds of one Go program.
func sameProgram(a, b io.ReaderAt) bool {
	built, err := buildinfo.Read(a)
	if err != nil {
		return false
	}
	other, err := buildinfo.Read(b)
	return err == nil && built.Path == other.Path && built.Main.Path == other.Main.Path
}

// configFile is the configuration that was read last.
type configFile struct {
	path   string
	loaded func() any // another value whenever a configuration was read
	last   any
	stamp  stamp
	known  bool
}

func newConfigFiles(paths []string, loaded func() any) (files []configFile) {
	if loaded == nil {
		return nil
	}
	for _, path := range paths {
		files = append(files, configFile{path: path, loaded: loaded})
	}
	return files
}

func (c *configFile) change() []model.SelfChange {
	var stat unix.Stat_t
	err := unix.Stat(c.path, &stat)
	if loaded := c.loaded(); !c.known || loaded != c.last {
		c.known, c.last, c.stamp = true, loaded, stampOf(&stat)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []model.SelfChange{{Kind: model.ConfigDeleted, Subject: c.path}}
	case err == nil && stampOf(&stat) != c.stamp:
		return []model.SelfChange{{Kind: model.ConfigChanged, Subject: c.path}}
	}
	return nil
}
