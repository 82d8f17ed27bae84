package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/exposure"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/tuning"
)

// maxTried bounds the settings that are left out one by one to see what each does:
// everything is judged once more for each.
const maxTried = 64

// Comparison judges one look at the host by two configurations.
type Comparison struct {
	Old, New         *Config
	OldName, NewName string // for people: names of files, or "the defaults"
	OwnPID           int    // the exporter's own process is never a suspect
}

// Look is the configuration to look with, so that both can judge what was seen: the
// directories of both, and services as the new one has them. Of hashes it has only
// those that both know, since each judges by its own.
func (c *Comparison) Look() *Config {
	look := *c.New
	look.Directories = slices.Clone(c.New.Directories)
	for _, directory := range c.Old.Directories {
		if !slices.Contains(look.Directories, directory) {
			look.Directories = append(look.Directories, directory)
		}
	}
	look.Policy.Hashes = maps.Clone(c.New.Policy.Hashes)
	maps.DeleteFunc(look.Policy.Hashes, func(hash string, _ bool) bool { return !c.Old.Policy.Hashes[hash] })
	look.Policy.Listed = nil
	return &look
}

// Notes say what the comparison cannot show.
func (c *Comparison) Notes() []string {
	var notes []string
	if c.Old.Probe != c.New.Probe {
		notes = append(notes, "`probe` differs. Services were looked at as "+c.NewName+" says, so what the answers change is not shown.")
	}
	if !reflect.DeepEqual(c.Old.services, c.New.services) {
		notes = append(notes, "`services` differs. Services were looked at as "+c.NewName+" says, so what their recognition changes is not shown.")
	}
	return notes
}

// Changes are the findings that both judge differently, each with the lines that did
// it, and the number of findings that stay as they are.
func (c *Comparison) Changes(s *model.Snapshot) (changes []tuning.Change, same int) {
	exposures := exposure.Find(s, c.New.Catalogue)
	judge := func(config *Config) []model.Finding { return config.judge(s, c.New, exposures, c.OwnPID) }
	before, after := judge(c.Old), judge(c.New)
	changes = tuning.Compare(before, after)
	gone := 0
	for i := range changes {
		if changes[i].After == nil {
			gone++
		}
	}
	same = len(after) - (len(changes) - gone)
	c.explain(changes, judge)
	return changes, same
}

// explain leaves out each setting that only one configuration has. One without which
// a finding is judged otherwise has done the change.
func (c *Comparison) explain(changes []tuning.Change, judge func(*Config) []model.Finding) {
	if len(changes) == 0 {
		return
	}
	try := func(config, other *Config, words func(stands position, setting string) string, severity func(*tuning.Change) model.Severity) {
		only := slices.DeleteFunc(slices.Sorted(maps.Keys(config.settings)), func(setting string) bool { _, both := other.settings[setting]; return both })
		slices.SortStableFunc(only, func(a, b string) int {
			one, other := config.settings[a], config.settings[b]
			return cmp.Or(strings.Compare(one.file, other.file), one.line-other.line)
		})
		for _, setting := range only[:min(len(only), maxTried)] {
			severities := map[string]model.Severity{}
			for _, f := range judge(config.without(setting)) {
				severities[f.ID] = f.Severity
			}
			for i := range changes {
				if severities[changes[i].Finding().ID] != severity(&changes[i]) {
					changes[i].Because = append(changes[i].Because, words(config.settings[setting], setting))
				}
			}
		}
	}
	try(c.New, c.Old, func(stands position, setting string) string {
		return fmt.Sprintf("%s: %s", place(c.NewName, stands), setting)
	}, func(change *tuning.Change) model.Severity { return severityOf(change.After) })
	try(c.Old, c.New, func(stands position, setting string) string {
		return fmt.Sprintf("%s, which %s does not have: %s", place(c.OldName, stands), c.NewName, setting)
	}, func(change *tuning.Change) model.Severity { return severityOf(change.Before) })
	for i := range changes {
		if len(changes[i].Because) == 0 {
			changes[i].Because = []string{"several lines, none of them alone"}
		}
	}
}

func place(name string, stands position) string {
	switch {
	case stands.line == 0:
		return name
	case stands.file != "":
		return policy.LineOf(stands.file, stands.line)
	}
	return fmt.Sprintf("line %d of %s", stands.line, name)
}

func severityOf(f *model.Finding) model.Severity {
	if f == nil {
		return ""
	}
	return f.Severity
}

// judge is what the configuration says of a snapshot that was taken with Look.
func (c *Config) judge(s *model.Snapshot, services *Config, exposures []model.Exposure, ownPID int) []model.Finding {
	own := *s
	if s.Files != nil {
		files := *s.Files
		files.Files = nil
		for _, file := range s.Files.Files {
			if slices.Contains(c.Directories, file.Directory) {
				file.KnownMiner = file.KnownMiner || c.Policy.IsKnownHash(file.SHA256)
				files.Files = append(files.Files, file)
			}
		}
		own.Files = &files
	}
	policy := c.Policy
	policy.OwnPID = ownPID
	return detect.Evaluate(&own, policy, services.Catalogue, exposures)
}

// without is the configuration without one of its settings.
func (c *Config) without(setting string) *Config {
	out := *c
	out.Directories = slices.DeleteFunc(slices.Clone(c.Directories), func(d string) bool { return directorySetting(d) == setting })
	out.Policy.Allow = slices.DeleteFunc(slices.Clone(c.Policy.Allow), func(a policy.Allow) bool { return allowSetting(&a) == setting })
	out.Policy.Pools = slices.DeleteFunc(slices.Clone(c.Policy.Pools), func(p policy.Pool) bool { return poolSetting(p) == setting })
	if strings.HasPrefix(setting, listSetting) {
		out.Policy.Listed = nil // of all files: which of them it was, nobody could tell who has both
	}
	out.Policy.Hashes = maps.Clone(c.Policy.Hashes)
	maps.DeleteFunc(out.Policy.Hashes, func(hash string, _ bool) bool { return hashSetting(hash) == setting })
	out.Policy.Limits = maps.Clone(c.Policy.Limits)
	maps.DeleteFunc(out.Policy.Limits, func(rule string, limit policy.Limit) bool { return limitSetting(rule, limit) == setting })
	return &out
}

// listSettings names what findings depend on, with the line of each.
func (c *Config) listSettings(d *document, lines lines) {
	c.settings = map[string]position{}
	for i, directory := range c.Directories {
		c.settings[directorySetting(directory)] = lines.item("directories", i)
	}
	for i, path := range d.HashFiles {
		c.settings[listSetting+path] = lines.item("known_miner_sha256_files", i)
	}
	for i, path := range d.PoolFiles {
		c.settings[listSetting+path] = lines.item("pool_address_files", i)
	}
	for i, hash := range d.Hashes {
		c.settings[hashSetting(hash)] = lines.item("known_miner_sha256", i)
	}
	for i, pool := range c.Policy.Pools {
		c.settings[poolSetting(pool)] = lines.item("pool_addresses", i)
	}
	for i := range c.Policy.Allow {
		c.settings[allowSetting(&c.Policy.Allow[i])] = position{c.Policy.Allow[i].File, c.Policy.Allow[i].Line}
	}
	for rule, limit := range c.Policy.Limits {
		c.settings[limitSetting(rule, limit)] = position{limit.File, limit.Line}
	}
	c.services = d.Services
}

// listSetting is the beginning of what a file of indicators is called.
const listSetting = "indicators by file: "

func directorySetting(directory string) string { return "directories: " + directory }

func hashSetting(hash string) string { return "known_miner_sha256: " + strings.ToLower(hash) }

func poolSetting(pool policy.Pool) string {
	if pool.Port == 0 {
		return "pool_addresses: " + pool.Prefix.String()
	}
	return fmt.Sprintf("pool_addresses: %s, port %d", pool.Prefix, pool.Port)
}

func limitSetting(rule string, limit policy.Limit) string {
	return fmt.Sprintf("rules: %s: %s", rule, limit.Severity)
}

func allowSetting(a *policy.Allow) string {
	switch end := a.Until; {
	case end.IsZero():
		return "allow: " + a.String()
	case end.Equal(end.Truncate(24 * time.Hour)):
		return "allow: " + a.String() + ", until " + end.AddDate(0, 0, -1).Format(time.DateOnly)
	default:
		return "allow: " + a.String() + ", until " + end.Format(time.RFC3339)
	}
}
