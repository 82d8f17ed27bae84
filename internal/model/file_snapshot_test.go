package model

import "testing"

func TestRunningChanged(t *testing.T) {
	t.Parallel()
	file := func(id uint64, reason FileReason) File {
		return File{ID: FileID{Dev: 1, Inode: id}, Reason: reason}
	}
	running := &ProcessSnapshot{Processes: []*Process{{}, {ExeFile: FileID{Dev: 1, Inode: 7}}}}
	for _, test := range []struct {
		name  string
		files *FileSnapshot
		want  bool
	}{
		{"no scan yet", nil, false},
		{"nothing lies there", &FileSnapshot{}, false},
		{"runs and is said to", &FileSnapshot{Files: []File{file(7, FileRunning), file(8, FileELF)}}, false},
		{"has started", &FileSnapshot{Files: []File{file(7, FileKnownMiner)}}, true},
		{"has ended", &FileSnapshot{Files: []File{file(8, FileRunning)}}, true},
	} {
		if got := test.files.RunningChanged(running); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
