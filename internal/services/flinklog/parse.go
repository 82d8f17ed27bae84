package flinklog

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// What the lines look like was measured with Flink 1.13.6, 1.20.5 and 2.2.1 and
// the log4j.properties that they ship: `%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x -
// %m%n`. A jar that is uploaded leaves no line; see uploads.go. Whoever reaches the
// REST port can have Flink write lines of his own (a line feed in a path): he can
// raise an alarm, and cannot hide one.

const (
	timeLayout = "2006-01-02 15:04:05.000"
	textLimit  = 256 // bytes of a line that are kept
)

// parseTime reads the time at the beginning of a line, as if its zone were UTC.
func parseTime(line []byte) (at time.Time, rest []byte, ok bool) {
	if len(line) < len(timeLayout) || line[4] != '-' || line[19] != ',' {
		return time.Time{}, nil, false
	}
	at, err := time.ParseInLocation(timeLayout, string(line[:19])+"."+string(line[20:23]), time.UTC)
	return at, line[len(timeLayout):], err == nil
}

// split takes a line apart into its time, the class that logs and the message.
func split(line []byte) (at time.Time, level, class, message string, ok bool) {
	at, rest, ok := parseTime(line)
	if !ok {
		return at, "", "", "", false
	}
	head, tail, ok := bytes.Cut(rest, []byte(" - "))
	if !ok {
		return at, "", "", "", false
	}
	fields := strings.Fields(string(head))
	if len(fields) < 2 {
		return at, "", "", "", false
	}
	return at, fields[0], fields[1], string(tail), true
}

// parse tells which event a line stands for. The time is as if its zone were UTC.
func parse(line []byte) (model.FlinkEntry, bool) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if !mayTell(line) {
		return model.FlinkEntry{}, false
	}
	at, level, class, message, ok := split(line)
	if !ok {
		return model.FlinkEntry{}, false
	}
	event, ok := eventOf(level, class, message)
	return model.FlinkEntry{Event: event, Time: at, Text: strings.Clone(message[:min(len(message), textLimit)])}, ok
}

// mayTell is a quick look: few lines of a log are taken apart.
func mayTell(line []byte) bool {
	return bytes.Contains(line, []byte("Starting program (detached:")) || bytes.Contains(line, []byte("xception")) ||
		bytes.Contains(line, []byte("POST request not allowed"))
}

func eventOf(level, class, message string) (model.FlinkEvent, bool) {
	switch {
	// Written once for each run, before the jar's main method is called, whatever
	// becomes of it.
	case class == "org.apache.flink.client.ClientUtils" && (message == "Starting program (detached: true)" || message == "Starting program (detached: false)"):
		return model.FlinkJarRun, true
	// To ask for a plan runs the main method too. It is told only where that makes
	// no job, as the program of an intruder does.
	case strings.HasSuffix(class, ".JarPlanHandler") && message == "Unhandled exception.":
		return model.FlinkJarRun, true
	case level != "WARN" && level != "ERROR", !isREST(class):
		return "", false
	case strings.HasPrefix(message, "Unhandled exception"), strings.HasPrefix(message, "Exception occurred in REST handler"), message == "POST request not allowed":
		return model.FlinkRESTException, true
	default:
		return "", false
	}
}

func isREST(class string) bool {
	return class == "org.apache.flink.runtime.dispatcher.DispatcherRestEndpoint" ||
		strings.HasPrefix(class, "org.apache.flink.runtime.rest.") || strings.HasPrefix(class, "org.apache.flink.runtime.webmonitor.")
}

// uploadDirectory reads where the JobManager keeps jars, which it says once when
// it starts.
func uploadDirectory(line []byte) (string, bool) {
	_, _, class, message, ok := split(line)
	if !ok || !isREST(class) {
		return "", false
	}
	message, ok = strings.CutSuffix(message, " for file uploads.")
	if !ok {
		return "", false
	}
	for _, start := range []string{"Created directory ", "Using directory "} {
		if directory, ok := strings.CutPrefix(message, start); ok && strings.HasPrefix(directory, "/") {
			return directory, true
		}
	}
	return "", false
}

func sortByTime(entries []model.FlinkEntry) {
	slices.SortStableFunc(entries, func(a, b model.FlinkEntry) int { return a.Time.Compare(b.Time) })
}
