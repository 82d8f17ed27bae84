package submissions

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/services/flinklog"
)

// FuzzFollower: a log that is read while it is written says the same as one that is read at once, wherever the
// writes are cut, and what is kept of it is bounded.
func FuzzFollower(f *testing.F) {
	content, err := os.ReadFile("../flinklog/testdata/flink-1.20.log")
	if err != nil {
		f.Fatal(err)
	}
	const stamp = "2026-11-24 03:17:44,123 "
	f.Add(content, uint16(1000), uint16(4000))
	f.Add([]byte(stamp+runLine+"\n"+stamp+resets+"\n"), uint16(70), uint16(90))
	f.Add([]byte(stamp+"INFO  org.apache.flink.runtime.dispatcher.DispatcherRestEndpoint [] - Created directory /tmp/flink-web-x/flink-web-upload for file uploads.\r\n"+stamp), uint16(3), uint16(3))
	f.Add(slices.Concat([]byte(stamp), make([]byte, lineLimit), []byte("\n"+stamp+runLine+"\n")), uint16(lineLimit+3), uint16(lineLimit+24))
	directory := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte, first, second uint16) {
		ends := []int{min(int(first), len(content)), min(int(second), len(content)), len(content)}
		slices.Sort(ends)
		read := func(name string, ends []int) (all []model.Submission, f *follower) {
			name = filepath.Join(directory, name)
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			f = &follower{format: flinklog.Format{}}
			defer f.close()
			written := 0
			for _, end := range ends {
				file, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := file.Write(content[written:end]); err != nil {
					t.Fatal(err)
				}
				written = end
				stat, err := hostfs.Stat(file)
				if err != nil {
					t.Fatal(err)
				}
				f.succeed(opened{file, model.FileID{Dev: stat.Dev, Inode: stat.Ino}})
				if err := f.drain(time.Now(), func(s model.Submission) { s.Time = time.Time{}; all = append(all, s); f.keep(s) }); err != nil {
					t.Fatal(err)
				}
				f.seen = f.directory != ""
			}
			return all, f
		}
		bySteps, stepping := read("steps", ends)
		atOnce, whole := read("once", ends[2:])
		same := slices.EqualFunc(bySteps, atOnce, func(a, b model.Submission) bool { return a.Event == b.Event && a.Text == b.Text })
		if !same || stepping.read != whole.read || stepping.dated != whole.dated {
			t.Errorf("cut at %v: %+v of %d lines, at once %+v of %d lines", ends, bySteps, stepping.read, atOnce, whole.read)
		}
		if lines := strings.Count(string(content), "\n") + 1; len(atOnce) > lines || whole.read > lines {
			t.Errorf("%d submissions in %d lines", len(atOnce), lines)
		}
		for _, s := range whole.recentSubmissions() {
			if len(s.Text) > textLimit {
				t.Errorf("%d bytes are kept", len(s.Text))
			}
		}
		if kept := len(whole.recentSubmissions()); kept > maxRecent*len(model.SubmissionEvents()) {
			t.Errorf("%d are kept", kept)
		}
	})
}

// FuzzUserOf: whose a process is decides which files it may name.
func FuzzUserOf(f *testing.F) {
	f.Add("Name:\tjava\nUid:\t9999\t9999\t9999\t9999\n")
	f.Add("Name:\tUid:\\n0 0\nUid:\t0\t1\t1\t1\n")
	f.Add("Uid:\t-1\t-1\nUid:\t1\t1\t1\n")
	name := filepath.Join(f.TempDir(), "status")
	f.Fuzz(func(t *testing.T, status string) {
		if err := os.WriteFile(name, []byte(status), 0o600); err != nil {
			t.Fatal(err)
		}
		user, err := userOf(name)
		if err != nil && user != 0 || err == nil && !strings.Contains(status, "Uid:") {
			t.Errorf("%d, %v", user, err)
		}
	})
}
