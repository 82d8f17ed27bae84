package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	suspectLimit = 32 // suspects that have series of their own
	detailLimit  = 24 // suspicious files and entries of persistence that have
)

type files struct {
	snapshot func() *model.FileSnapshot
	labels   *Labels

	count, info, modified, truncated *prometheus.Desc
}

// NewFiles exports the suspicious files: their number for each
// watched directory and reason, 0 too, and at most 24 by path, the strongest reasons
// first. Without a snapshot Update returns ErrNoData.
func NewFiles(snapshot func() *model.FileSnapshot, labels *Labels) Collector {
	return &files{
		snapshot: snapshot, labels: labels,
		count: prometheus.NewDesc("cryptojack_suspicious_files",
			"Suspicious files that were found. Each counts once, under its strongest reason.", []string{"directory", "reason"}, nil),
		info: prometheus.NewDesc("cryptojack_suspicious_file_info",
			"A suspicious file; at most 24, the strongest reasons first. sha256 is cut to 12 hex digits.", []string{"path", "reason", "user", "sha256"}, nil),
		modified: prometheus.NewDesc("cryptojack_suspicious_file_modified_timestamp_seconds",
			"When a suspicious file was last modified, in seconds since the epoch. Its owner can set this.", []string{"path"}, nil),
		truncated: prometheus.NewDesc("cryptojack_file_scan_truncated",
			"1 while not all of a directory has been looked at, or not again since events were lost, so that files may be missing.", []string{"directory"}, nil),
	}
}

// Name implements Collector.
func (*files) Name() string { return "files" }

// Update implements Collector.
func (c *files) Update(ch chan<- prometheus.Metric) error {
	s := c.snapshot()
	if s == nil {
		return ErrNoData
	}
	send := newSender(ch)
	for _, directory := range s.Directories {
		label := c.labels.label(directory)
		if !send.unique(label) {
			continue
		}
		for _, reason := range model.FileReasons() {
			send.gauge(c.count, float64(s.Counts[model.FileCount{Directory: directory, Reason: reason}]), label, string(reason))
		}
		truncated := 0.0
		if s.Truncated[directory] {
			truncated = 1
		}
		send.gauge(c.truncated, truncated, label)
	}
	paths := newSender(ch)
	for i := range s.Files {
		if i >= detailLimit {
			break
		}
		file := &s.Files[i]
		path := c.labels.label(file.Path)
		if !paths.unique(path) {
			continue
		}
		paths.gauge(c.info, 1, path, string(file.Reason), c.labels.label(file.User), prefix(file.SHA256, 12))
		paths.gauge(c.modified, float64(file.Modified.UnixMilli())/1000, path)
	}
	return nil
}

func prefix(s string, length int) string { return s[:min(len(s), length)] }
