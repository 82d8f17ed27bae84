// Package flinklog knows what the log of a Flink JobManager looks like: who submits a
// jar leaves a line there.
//
// The lines were measured with Flink 1.13.6, 1.20.5 and 2.2.1 and the
// log4j.properties that they ship: `%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x -
// %m%n`. A jar that is uploaded leaves no line, and is seen as a new file. Whoever
// reaches the REST port can have Flink write lines of his own (a line feed in a path):
// he can raise an alarm, and cannot hide one.
package flinklog

import (
	"bytes"
	"regexp"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// App is Flink's name in the catalogue.
const App = "flink"

const timeLayout = "2006-01-02 15:04:05.000"

// uploadName is what the JobManager calls a jar that was uploaded whole: a UUID and
// the client's name (JarUploadHandler).
var uploadName = regexp.MustCompile(`(?s)^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}_(.*\.jar)$`)

// Format is a submissions.Format.
type Format struct{}

// Time reads the time at the beginning of a line, as if its zone were UTC.
func (Format) Time(line []byte) (time.Time, bool) {
	if len(line) < len(timeLayout) || line[4] != '-' || line[19] != ',' {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation(timeLayout, string(line[:19])+"."+string(line[20:23]), time.UTC)
	return at, err == nil
}

// Parse tells which event a line stands for; its Text is the message.
func (f Format) Parse(line []byte) (model.Submission, bool) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if !mayMatter(line) {
		return model.Submission{}, false
	}
	at, ok := f.Time(line)
	level, class, message, isRecord := split(line)
	if !ok || !isRecord {
		return model.Submission{}, false
	}
	event, ok := eventOf(level, class, message)
	return model.Submission{Event: event, Time: at, Text: message}, ok
}

// UploadName returns what the client called a jar.
func (Format) UploadName(file string) (string, bool) {
	match := uploadName.FindStringSubmatch(file)
	if match == nil {
		return "", false
	}
	return match[1], true
}

// UploadDirectory reads where the JobManager keeps jars, which it says once when it
// starts.
func (f Format) UploadDirectory(line []byte) (string, bool) {
	if !bytes.HasSuffix(line, []byte(" for file uploads.")) {
		return "", false
	}
	_, isDated := f.Time(line)
	_, class, message, ok := split(line)
	if !isDated || !ok || !isREST(class) {
		return "", false
	}
	message = strings.TrimSuffix(message, " for file uploads.")
	for _, start := range []string{"Created directory ", "Using directory "} {
		if directory, ok := strings.CutPrefix(message, start); ok && strings.HasPrefix(directory, "/") {
			return directory, true
		}
	}
	return "", false
}

// split takes what follows a line's time apart into the level, the class that logs
// and the message.
func split(line []byte) (level, class, message string, ok bool) {
	head, tail, ok := bytes.Cut(line[min(len(line), len(timeLayout)):], []byte(" - "))
	fields := strings.Fields(string(head))
	if !ok || len(fields) < 2 {
		return "", "", "", false
	}
	return fields[0], fields[1], string(tail), true
}

// mayMatter is a quick look: few lines of a log are taken apart.
func mayMatter(line []byte) bool {
	return bytes.Contains(line, []byte("Starting program (detached:")) || bytes.Contains(line, []byte("xception")) ||
		bytes.Contains(line, []byte("POST request not allowed"))
}

func eventOf(level, class, message string) (model.SubmissionEvent, bool) {
	switch {
	// Written once for each run, before the jar's main method is called, whatever
	// becomes of it.
	case class == "org.apache.flink.client.ClientUtils" && isStart(message):
		return model.SubmissionRun, true
	// A request for a plan runs the main method too. It leaves a line only where that
	// makes no job, as the program of an intruder does.
	case strings.HasSuffix(class, ".JarPlanHandler") && message == "Unhandled exception.":
		return model.SubmissionRun, true
	case level != "WARN" && level != "ERROR", !isREST(class):
		return "", false
	case strings.HasPrefix(message, "Unhandled exception"), strings.HasPrefix(message, "Exception occurred in REST handler"),
		message == "POST request not allowed":
		return model.SubmissionFailure, true
	default:
		return "", false
	}
}

func isStart(message string) bool {
	return message == "Starting program (detached: true)" || message == "Starting program (detached: false)"
}

func isREST(class string) bool {
	return class == "org.apache.flink.runtime.dispatcher.DispatcherRestEndpoint" ||
		strings.HasPrefix(class, "org.apache.flink.runtime.rest.") || strings.HasPrefix(class, "org.apache.flink.runtime.webmonitor.")
}
