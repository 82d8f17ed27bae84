package report

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

func toPublic(r Report) Report {
	r.Audience = Public
	return r
}

func formats() map[string]func(io.Writer, Report) error {
	return map[string]func(io.Writer, Report) error{
		"json": JSON, "html": writePage, "text": func(w io.Writer, r Report) error { return Text(w, r, false) },
	}
}

// full has an entry of a crontab too.
func full() Report {
	r := incident()
	r.Findings.Active = append(r.Findings.Active, model.Finding{
		ID: "persistence:/etc/cron.d/x:1:fetch_and_run", Rule: rules.PersistenceEntry, Severity: model.Critical, Title: "line 1 of /etc/cron.d/x fetches something and runs it",
		Evidence: []string{"It runs: x."}, FirstSeen: noon(), LastSeen: noon(), Exempted: "x",
		Persistence: &model.PersistenceEntry{Kind: model.PersistenceCrontab, Path: "/etc/cron.d/x", Line: 1, Command: "x", Evidence: "x", Decoded: "x", FileHash: "0123456789ab", Programs: []string{"/tmp/x"}},
	}, model.Finding{
		ID: "suspect:info", Rule: rules.SustainedCPU, Severity: model.Info, Title: "/home/alice/train (pid 9, user alice) keeps the CPU busy", Evidence: []string{"x"},
		Suspect: &model.Suspect{ID: "info", Process: model.Process{Exe: "/home/alice/train"}, Signals: []model.Signal{{Rule: rules.SustainedCPU}}},
	})
	r.Snapshot.Sockets.ForwardingUnknown = "x"
	for _, finding := range incident().Findings.Active[:3] {
		r.History = append(r.History, model.Ended{Finding: finding, At: noon(), Times: 2})
	}
	return r
}

// TestPublicIsToldWhatMetricsTell fills every string of the findings with a mark, but for those
// that are labels of metrics too, and looks for it in what anybody may read.
func TestPublicIsToldWhatMetricsTell(t *testing.T) {
	t.Parallel()
	const mark = "MARK"
	// Labels of cryptojack_suspect_info and the like, and what has no text of others. Relative to the type.
	open := map[string]bool{
		"Finding.ID": true, "Finding.Rule": true, "Finding.Severity": true, "Finding.Technique": true, "Finding.Title": true, "Finding.Exemption": true,
		"Suspect.ID": true, "Signal.Rule": true, "Signal.Family": true, "Signal.Technique": true,
		"Process.Comm": true, "Process.Exe": true, "Process.SHA256": true, "Process.User": true, "Process.Unit": true, "Process.ContainerID": true, "Process.Origin": true, "Process.Isolation": true,
		"Container.ID": true, "Container.Runtime": true, "Container.Name": true, "Container.Image": true, "Container.KubeNamespace": true, "Container.KubePod": true,
		"Guardian.Relation": true, "Guardian.Comm": true, "Guardian.Exe": true, "Guardian.Origin": true, "Guardian.User": true, "Guardian.Unit": true, "Guardian.Path": true,
		"Entry.App": true, "Entry.Process": true, "Entry.Address": true,
		"File.Path": true, "File.Directory": true, "File.Container": true, "File.Reason": true, "File.User": true, "File.SHA256": true,
		"PersistenceEntry.Kind": true, "PersistenceEntry.Path": true, "PersistenceEntry.Owner": true, "PersistenceEntry.User": true, "PersistenceEntry.Unit": true, "PersistenceEntry.Reason": true,
		"Exposure.App": true, "Exposure.Confidence": true, "Exposure.Scope": true, "Exposure.Endpoints": true, "Exposure.Forwarded": true, "Exposure.Auth": true,
		"Socket.Protocol": true, "Socket.NetNS": true, "Socket.Address": true, "Socket.Scope": true, "Socket.OwnerComm": true, "Socket.OwnerExe": true, "Socket.App": true, "Socket.Confidence": true,
	}
	marked := 0
	var fill func(v reflect.Value, where string)
	fill = func(v reflect.Value, where string) {
		switch v.Kind() {
		case reflect.String:
			if v.CanSet() && !open[where] {
				v.SetString(mark)
				marked++
			}
		case reflect.Pointer:
			if !v.IsNil() {
				fill(v.Elem(), where)
			} else if v.CanSet() && v.Type() != reflect.TypeFor[*model.Ancestor]() && v.Type().Elem().Kind() == reflect.Struct && v.Type().Elem() != reflect.TypeFor[time.Location]() {
				switch v.Type() { // a finding is about one thing
				case reflect.TypeFor[*model.Suspect](), reflect.TypeFor[*model.File](), reflect.TypeFor[*model.Exposure](), reflect.TypeFor[*model.PersistenceEntry]():
				default:
					v.Set(reflect.New(v.Type().Elem()))
					fill(v.Elem(), where)
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i), v.Type().Name()+"."+v.Type().Field(i).Name)
			}
		case reflect.Slice:
			if v.CanSet() && v.Len() == 0 && v.Type().Elem().Kind() != reflect.Pointer {
				v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			}
			for i := range v.Len() {
				fill(v.Index(i), where)
			}
		default:
		}
	}
	r := full()
	fill(reflect.ValueOf(r.Findings).Elem(), "")
	fill(reflect.ValueOf(&r.History).Elem(), "")
	fill(reflect.ValueOf(r.Snapshot.Files).Elem().FieldByName("Files"), "")
	r.Snapshot.Sockets.ForwardingUnknown = mark
	if marked < 80 {
		t.Fatalf("only %d strings were marked", marked)
	}
	for name, write := range formats() {
		var told, withheld bytes.Buffer
		if err := write(&told, r); err != nil {
			t.Fatal(err)
		}
		if err := write(&withheld, toPublic(r)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(told.String(), mark) {
			t.Errorf("%s tells nothing more to whoever may know", name)
		}
		if at := strings.Index(withheld.String(), mark); at >= 0 {
			t.Errorf("%s tells anybody: %s", name, withheld.String()[max(0, at-300):min(withheld.Len(), at+100)])
		}
		if strings.Contains(withheld.String(), "alice") {
			t.Errorf("%s tells anybody what alice runs", name)
		}
		if name != "text" && !strings.Contains(withheld.String(), "cryptojack_exporter scan") {
			t.Errorf("%s does not say where the rest is", name)
		}
	}
}

func TestWhoIsNotNamedIsThePublic(t *testing.T) {
	t.Parallel()
	if (Report{}).Audience != Public {
		t.Error("a report is for more than the public unless it says so")
	}
	r := full()
	before := fmt.Sprintf("%+v", r.Findings.Active)
	toPublic(r).forAudience()
	if fmt.Sprintf("%+v", r.Findings.Active) != before {
		t.Error("the findings were changed for all")
	}
}
