package model

import "slices"

// RunningChanged tells whether a suspicious file runs and is not said to, or the
// other way round: the process sample that shows it came after the scan. Without a
// sample of both it is false.
func (s *FileSnapshot) RunningChanged(processes *ProcessSnapshot) bool {
	if s == nil || processes == nil || len(s.Files) == 0 {
		return false
	}
	runs := make(map[FileID]bool, len(s.Files))
	for i := range s.Files {
		runs[s.Files[i].ID] = false
	}
	for i := range processes.Processes {
		id := processes.Processes[i].ExeFile
		if _, ok := runs[id]; ok {
			runs[id] = true
		}
	}
	return slices.ContainsFunc(s.Files, func(file File) bool {
		return runs[file.ID] != (file.Reason == FileRunning)
	})
}
