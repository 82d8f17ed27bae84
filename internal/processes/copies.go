package processes

import (
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// programDirectories are where the program of a copy in memory is looked for.
func programDirectories() []string {
	return []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/snap/bin"}
}

// findCopy finds the installed program that a program in memory is a copy of, by its
// name and its content: runtimes of containers and lxc-attach(1) run from such copies
// (CVE-2019-5736). It looks once for each program. What runs other programs does not
// count: its copy may run anything.
func (s *sample) findCopy(e *entry) {
	process := e.process
	if process.Origin != model.OriginMemfd || process.SHA256 == "" || e.copySought {
		return
	}
	e.copySought = true
	for _, name := range copyNames(process) {
		base := path.Base(name)
		_, interprets := programs.InterpreterOf(base)
		_, launches := programs.LauncherOf(base)
		if interprets || launches {
			continue
		}
		for _, candidate := range candidatesOf(name) {
			if s.isCopyOf(e, candidate) {
				e.change().CopyOf = candidate
				return
			}
		}
	}
}

// copyNames are what a copy is called: by its first argument, and by the name of its
// memory (memfd_create(2)).
func copyNames(process *model.Process) []string {
	var names []string
	for _, name := range []string{process.FirstArgument(), strings.TrimPrefix(process.Exe, "/memfd:")} {
		if name = strings.TrimPrefix(name, "-"); name != "" && name != "." && !strings.Contains(name, "..") {
			names = append(names, name)
		}
	}
	return names
}

func candidatesOf(name string) []string {
	if strings.HasPrefix(name, "/") {
		return []string{name}
	}
	var candidates []string
	for _, directory := range programDirectories() {
		candidates = append(candidates, path.Join(directory, path.Base(name)))
	}
	return candidates
}

// isCopyOf compares a program with a file that only root may change.
func (s *sample) isCopyOf(e *entry, name string) bool {
	file, contents, size := filepath.Join(s.options.Root, name), s.contents, e.content.Size
	if s.hashBudget < size {
		return false
	}
	found, err := inspect.Within(s.reads, subjectOf(e.process), inspect.File, inspect.ReadTime, func() (hostfs.Content, error) {
		var stat unix.Stat_t
		if err := unix.Stat(file, &stat); err != nil || stat.Size != size || procdir.OwnerOf(&stat).Writers != model.WritersRoot {
			return hostfs.Content{}, err
		}
		return contents.ReadSame(file, hostfs.ContentKeyOf(&stat))
	})
	if found.SHA256 != "" {
		s.hashBudget -= size
	}
	return err == nil && found.SHA256 == e.process.SHA256
}
