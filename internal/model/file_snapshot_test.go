package model

import "testing"

func TestRunningChanged(t *testing.T) {
	t.Parallel()
	file := func(id uint64, reason FileReason) File {
		return File{ID: FileID{Dev: 1, Inode: id}, Reason: reason}
	}
	running := &ProcessSnapshot{Processes: []*Process{{}, {ExeFile: FileID{Dev: 1, Inode: 7}}, {ExeFile: FileID{Dev: 1, Inode: 7}}, {ExeFile: FileID{Dev: 1, Inode: 9}, Origin: OriginSystem}}}
	for _, test := range []struct {
		name  string
		files []File
		want  bool
	}{
		{"nothing lies there", nil, false},
		{"runs and is said to", []File{file(7, FileRunning), file(8, FileELF)}, false},
		{"under two names", []File{file(7, FileRunning), file(7, FileRunning)}, false},
		{"has started", []File{file(7, FileKnownMiner)}, true},
		{"has ended", []File{file(8, FileRunning)}, true},
		{"one has ended, one goes on", []File{file(7, FileRunning), file(8, FileRunning)}, true},
		{"lies where the system's programs do", []File{file(9, FileELF)}, false},
	} {
		var snapshot, later FileSnapshot
		snapshot.SetFiles(test.files)
		later.KeepFiles(&snapshot)
		if snapshot.RunningChanged(running) != test.want || later.RunningChanged(running) != test.want {
			t.Errorf("%s: %v, kept %v", test.name, !test.want, later.RunningChanged(running))
		}
		if snapshot.RunningChanged(nil) {
			t.Errorf("%s: something changed before the first sample", test.name)
		}
	}
	if (*FileSnapshot)(nil).RunningChanged(running) {
		t.Error("something changed before the first look")
	}
}
