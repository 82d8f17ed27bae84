package model

// SetFiles sets the files that are published one by one.
func (s *FileSnapshot) SetFiles(files []File) {
	s.Files, s.runs, s.running = files, make(map[FileID]bool, len(files)), 0
	for i := range files {
		if runs := files[i].Reason == FileRunning; runs && !s.runs[files[i].ID] {
			s.runs[files[i].ID] = true
			s.running++
		} else if !runs && !s.runs[files[i].ID] {
			s.runs[files[i].ID] = false
		}
	}
}

// KeepFiles takes the files of an earlier snapshot, about which nothing has changed.
func (s *FileSnapshot) KeepFiles(earlier *FileSnapshot) {
	s.Files, s.runs, s.running = earlier.Files, earlier.runs, earlier.running
}

// RunningChanged tells whether a suspicious file runs and is not said to, or the
// other way round: the process sample that shows it came after the look at files. Without
// a sample of both it is false. It is asked after each sample of processes, of which there
// may be many, so it only looks their files up.
func (s *FileSnapshot) RunningChanged(processes *ProcessSnapshot) bool {
	if s == nil || processes == nil || len(s.runs) == 0 {
		return false
	}
	var still map[FileID]bool
	for _, p := range processes.Processes {
		if !p.mayBeSuspiciousFile() {
			continue
		}
		said, known := s.runs[p.ExeFile]
		switch {
		case !known:
		case !said:
			return true
		case still == nil:
			still = map[FileID]bool{p.ExeFile: true}
		default:
			still[p.ExeFile] = true
		}
	}
	return len(still) != s.running
}

// mayBeSuspiciousFile tells whether the file of a process may lie in a directory that
// everybody may write to.
func (p *Process) mayBeSuspiciousFile() bool {
	return p.Origin != OriginSystem && p.Origin != OriginKernel && p.ExeFile != FileID{}
}
