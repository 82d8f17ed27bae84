package model

import "time"

// ProgramKey is a program of one user: what is under load, in however many processes it goes on.
type ProgramKey struct {
	Suspect string // Process.Suspect
	UID     uint32
}

// Program is the key of what a process runs.
func (p *Process) Program() ProgramKey { return ProgramKey{Suspect: p.Suspect(), UID: p.UID} }

// ProgramBeforeReading is the key of a process whose content was not read yet.
func (p *Process) ProgramBeforeReading() ProgramKey {
	unread := Process{UID: p.UID, Exe: p.Exe, Comm: p.Comm, Script: p.Script}
	return unread.Program()
}

// Load is the CPU time that all processes of a program use, those included that have ended.
type Load struct {
	Cores         float64       // mean use over Span
	Span          time.Duration // about 60 s; less for a program that was first seen later
	ConstantCores float64       // mean use over ConstantSpan
	ConstantSpan  time.Duration // how long each minute's use has been within a third of ConstantCores
	Living        int           // processes that have used CPU time since the last sample, and live
	Ended         int           // processes that have ended within Span
	Last          *Process      // the last that was seen; nil as long as one lives. Never changed
}

// LoadOf is the load of what a process runs. It is nothing where the program uses little.
func (s *ProcessSnapshot) LoadOf(p *Process) Load {
	if len(s.Loads) == 0 {
		return Load{} // no name is made for each of 30,000 processes
	}
	return s.Loads[p.Program()]
}
