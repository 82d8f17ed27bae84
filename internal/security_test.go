package internal_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named are the tests, the scenarios of the lab and the trials of a hostile host, as SECURITY.md cites them.
func named(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	tests := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(\w+ \*testing\.[TF]\)`)
	names := regexp.MustCompile(`\bname:\s+"((?:[^"\\]|\\.)*)"`)
	for _, folder := range []string{"alerts", "cmd", "collector", "dashboards", "e2e", "internal"} {
		err := filepath.WalkDir(filepath.Join(top, folder), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") {
				return err
			}
			file := strings.TrimPrefix(name, top+"/")
			source := read(t, file)
			if strings.HasSuffix(file, "_test.go") {
				for _, match := range tests.FindAllStringSubmatch(source, -1) {
					found["`"+match[1]+"`"] = true
				}
				return nil
			}
			for _, kind := range []string{"lab", "hostile"} {
				if filepath.Dir(file) != "e2e/"+kind {
					continue
				}
				for _, match := range names.FindAllStringSubmatch(source, -1) {
					found[kind+` "`+match[1]+`"`] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestThreatModel: each line of the threat model ends with tests, and all of them exist.
func TestThreatModel(t *testing.T) {
	t.Parallel()
	const heading, next = "\n## Threat model\n", "\n## "
	_, model, ok := strings.Cut(read(t, "SECURITY.md"), heading)
	if !ok {
		t.Fatal("SECURITY.md has no threat model")
	}
	model, _, _ = strings.Cut(model, next)
	exist := named(t)
	list := regexp.MustCompile(`\[([^\[\]]+)\]$`)
	cited := regexp.MustCompile("`[^`]+`" + `|[a-z]+ "[^"]*"`)
	lines := 0
	for line := range strings.Lines(model) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "- ") {
			continue
		}
		lines++
		match := list.FindStringSubmatch(line)
		if match == nil {
			t.Errorf("no test is named at the end of: %s", line)
			continue
		}
		for _, test := range cited.FindAllString(match[1], -1) {
			if !exist[test] {
				t.Errorf("there is no %s, named by: %s", test, line)
			}
		}
		if rest := strings.Trim(cited.ReplaceAllString(match[1], ""), ", "); rest != "" {
			t.Errorf("%q is no test, in: %s", rest, line)
		}
	}
	if lines < 30 {
		t.Errorf("the threat model has %d lines", lines)
	}
}
