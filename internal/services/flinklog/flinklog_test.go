package flinklog

import (
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	stamp   = "2026-11-24 03:17:44,123 "
	rest    = "org.apache.flink.runtime.dispatcher.DispatcherRestEndpoint [] - "
	runLine = stamp + "INFO  org.apache.flink.client.ClientUtils [] - Starting program (detached: true)"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]model.SubmissionEvent{
		runLine:        model.SubmissionRun,
		runLine + "\r": model.SubmissionRun,
		stamp + "ERROR org.apache.flink.runtime.webmonitor.handlers.JarPlanHandler [] - Unhandled exception.": model.SubmissionRun,
		stamp + "WARN  " + rest + "Unhandled exception":                                                       model.SubmissionFailure,
		stamp + "INFO  " + rest + "Unhandled exception":                                                       "",
		stamp + "WARN  com.example.Job [] - Unhandled exception":                                              "",
		runLine[1:]:                   "",
		runLine + " of somebody else": "",
		stamp + "INFO Starting program (detached: true)": "",
	} {
		got, ok := Format{}.Parse([]byte(line))
		if got.Event != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", line, got.Event, ok, want)
		}
	}
}

func TestUploadDirectory(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		stamp + "INFO  " + rest + "Created directory /tmp/a b for file uploads.":    "/tmp/a b",
		stamp + "INFO  " + rest + "Using directory relative for file uploads.":      "",
		"INFO  " + rest + "Using directory /tmp for file uploads.":                  "",
		stamp + "INFO  com.example.Job [] - Using directory /tmp for file uploads.": "",
	} {
		if got, ok := (Format{}).UploadDirectory([]byte(line)); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", line, got, ok)
		}
	}
}

// FuzzParse takes any line.
func FuzzParse(f *testing.F) {
	f.Add([]byte(runLine))
	f.Add([]byte(stamp + "ERROR a.JarPlanHandler [] - Unhandled exception."))
	f.Fuzz(func(t *testing.T, line []byte) {
		if submission, ok := (Format{}).Parse(line); ok && submission.Event == "" {
			t.Errorf("%+v", submission)
		}
		Format{}.UploadDirectory(line)
		Format{}.UploadName(string(line))
	})
}
