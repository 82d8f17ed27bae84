package files

import (
	"cmp"
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxRunning is how many running files are looked for in one sample that no listing has
// found suspicious.
const maxRunning = 64

// setRunning takes from a sample of processes which files run, if it is a new one.
func (s *Sensor) setRunning(processes *model.ProcessSnapshot) {
	if processes == s.processes {
		return
	}
	s.processes = processes
	s.running = processes.RunningFiles()
	var ended []*candidate
	for _, c := range s.found.files {
		switch running := s.running[c.id()]; {
		case c.running == running:
		case c.onlyRuns:
			ended = append(ended, c)
		default:
			s.judge(c)
		}
	}
	// The number of a file that ran and was removed may have gone to one that is no program.
	for _, c := range ended {
		s.forgetFile(c.directory, c.name)
	}
}

// lookAtRunning looks at files that run and are not among the suspicious ones: a library
// that is a program too, or one that was not come to yet.
func (p *pass) lookAtRunning() {
	s, looked := p.sensor, 0
	if s.processes == nil || s.processes == s.sought {
		return
	}
	for _, process := range s.processes.Processes {
		if p.spent() {
			return
		}
		if looked >= maxRunning {
			break
		}
		if process.ExeDeleted || s.found.ids[process.ExeFile] > 0 || !s.running[process.ExeFile] {
			continue
		}
		container := ""
		if process.MountNS != "" {
			container = cmp.Or(process.ContainerID, process.MountNS)
		}
		d, name := s.lookup(container, process.Exe)
		if d == nil {
			continue
		}
		looked++
		if fd, _, ok := p.openDirectory(d); ok {
			p.named(d, fd, name, false)
			hostfs.CloseFD(fd)
		}
	}
	s.sought = s.processes
}

// lookup returns the remembered directory that a path of the host or of a container leads
// to, and the last name of the path; nil if there is none.
func (s *Sensor) lookup(container, file string) (*directory, string) {
	above, name := path.Split(file)
	for _, w := range s.roots {
		below, ok := strings.CutPrefix(above, strings.TrimSuffix(w.name, "/")+"/")
		if w.top == nil || w.container != container || !ok {
			continue
		}
		d := w.top
		for _, element := range strings.FieldsFunc(below, func(r rune) bool { return r == '/' }) {
			if d = d.children[element]; d == nil {
				return nil, ""
			}
		}
		return d, name
	}
	return nil, ""
}
