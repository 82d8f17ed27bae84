package report

import (
	"fmt"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// removePrograms names what removes the files of a suspect. What is no file of
// the host's own is left to a step of its own.
func (p *planner) removePrograms(suspect *model.Suspect) []string {
	commands := p.removeProgram(&suspect.Process)
	for _, pid := range suspect.PIDs { // the same content may run under other names
		process, found := p.report.Snapshot.Processes.Process(pid)
		if found && pid != suspect.Process.PID && process.SHA256 == suspect.Process.SHA256 {
			commands = appendNew(commands, p.removeProgram(process)...)
		}
	}
	if suspect.Process.Origin != model.OriginSystem && suspect.Process.Origin != model.OriginLocal { // of python3 there are good copies
		commands = appendNew(commands, p.removeCopies(&suspect.Process)...)
	}
	return commands
}

// removeCopies names what removes the files with a suspect's content: a miner's, or those
// of the same user. He may have copied a program that somebody else needs.
func (p *planner) removeCopies(process *model.Process) []string {
	of := process.SHA256 + process.User
	if process.SHA256 == "" || p.report.Snapshot.Files == nil || p.copied[of] {
		return nil
	}
	p.copied[of] = true
	var commands []string
	for i := range p.report.Snapshot.Files.Files {
		file := &p.report.Snapshot.Files.Files[i]
		if file.SHA256 == process.SHA256 && file.Container == "" && (file.KnownMiner || process.Content.Mines() || file.User == process.User) {
			if len(commands) == maxCopies {
				break
			}
			commands = append(commands, removeFile(file.Path, file.ID, file.User))
		}
	}
	return commands
}

func (p *planner) removeProgram(process *model.Process) []string {
	switch name := process.PathOnHost(); {
	case isContained(process):
		p.contain(process)
	case process.Exe == "" || process.ExeDeleted || process.Origin == model.OriginMemfd:
	case !strings.HasPrefix(name, "/"): // only its own mount namespace has it, and ends with it
	case isSystem(process, name):
		if command := reinstall(p.report.Snapshot.Packages, process); command != "" {
			p.do(phaseReinstall, command)
			break
		}
		p.askOwner(name)
	case isOthers(process):
		p.askOwner(name)
	default:
		return []string{removeFile(name, process.ExeFile, ownerOf(process))}
	}
	return nil
}

// askOwner leaves a program alone until it is known whose it is.
func (p *planner) askOwner(name string) {
	file := shellQuote(name)
	p.do(phaseLookUp, "dpkg -S "+file+" || rpm -qf "+file)
}

// isSystem tells whether a program is one of the system, whatever its process calls it.
func isSystem(process *model.Process, name string) bool {
	origin, _ := place.Origin(name, false)
	return process.Origin == model.OriginSystem || origin == model.OriginSystem
}

// isOthers tells whether a program is somebody else's than its process, who may have
// given it arguments only to have it removed. What mines is a miner whoever has put it there.
func isOthers(process *model.Process) bool {
	return process.UID != 0 && process.ExeFile != model.FileID{} && process.ExeOwner.UID != process.UID &&
		!process.Origin.Suspicious() && !process.Content.Mines()
}

// decide adds what a person has to decide, once.
func (p *planner) decide(title, command string) { p.say(phaseByHand, title, command) }

// cleanContainer is about a file that a container has and the host has not.
func (p *planner) cleanContainer(file *model.File) {
	name, command := text.Label(file.Container), ""
	if inside, ok := p.report.Snapshot.Processes.InMountNamespace(file.Container); ok {
		name = containerName(inside.Container, file.Container)
		if file.ID != (model.FileID{}) {
			command = removeInContainer(inside.PID, file.Path, file.ID)
		}
	}
	p.decide(fmt.Sprintf("Remove %s in the container %s, or replace the container by one from a clean image.", text.Label(file.Path), name), command)
}
