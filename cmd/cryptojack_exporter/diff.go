package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/config"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/monitor"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/report"
)

// defaultsName is what people are shown where there is no file.
const defaultsName = "the defaults"

// newComparison reads the configuration that --diff names, which loaded is compared with.
func newComparison(o *options, loaded *config.Config) (*config.Comparison, error) {
	comparison := &config.Comparison{New: loaded, NewName: defaultsName, OldName: defaultsName, OwnPID: os.Getpid()}
	if len(o.configFiles) > 0 {
		comparison.NewName = strings.Join(o.configFiles, " and ")
	}
	var files []string
	if o.scanDiff != diffDefaults {
		files, comparison.OldName = []string{o.scanDiff}, o.scanDiff
	}
	var err error
	if comparison.Old, err = config.Load(files...); err != nil {
		return nil, fmt.Errorf("--diff: %w", err)
	}
	return comparison, nil
}

// diff reports what two configurations judge differently. Its exit code is that of
// diff(1), but for what could not be looked at.
func diff(m *monitor.Monitor, o *options, comparison *config.Comparison, stdout, stderr io.Writer) int {
	snapshot := m.Snapshot(time.Now())
	if !m.Ready() || snapshot.Processes == nil || len(snapshot.Processes.Processes) == 0 {
		fmt.Fprintf(stderr, "%s: --diff: no process could be looked at in this time\n", programName)
		return exitUnknown
	}
	result := report.Diff{OldName: comparison.OldName, NewName: comparison.NewName, Notes: comparison.Notes()}
	result.Changes, result.Same = comparison.Changes(&snapshot)
	write := report.DiffJSON
	if o.scanFormat == formatText {
		write = report.DiffText
	}
	if err := write(stdout, result); err != nil {
		fmt.Fprintf(stderr, "%s: the report could not be written: %v\n", programName, err)
		return exitUnknown
	}
	if len(result.Changes) > 0 {
		return exitChanged
	}
	return exitOK
}
