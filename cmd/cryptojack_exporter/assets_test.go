package main

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// repository is the root of the repository, seen from here.
const repository = "../.."

// TestAssets compares what is written with the repository, byte for byte.
func TestAssets(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "new", "assets")
	var stdout, stderr lockedBuffer
	if code := run(context.Background(), []string{"assets", directory}, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	written := contents(t, directory)
	want := map[string]string{}
	for _, folder := range []string{"alerts", "dashboards"} {
		for name, content := range contents(t, filepath.Join(repository, folder)) {
			isForTests := slices.Contains([]string{"testdata", "typecheck", "generate", "source"}, strings.Split(name, "/")[0])
			if !isForTests && !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".rules.test.yml") {
				want[filepath.Join(folder, name)] = content
			}
		}
	}
	mixin, err := os.ReadFile(filepath.Join(repository, "mixin.libsonnet"))
	if err != nil {
		t.Fatal(err)
	}
	want["mixin.libsonnet"] = string(mixin)
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("what is written is not what the repository holds: run `make assets`? (-repository +written):\n%s", diff)
	}

	var lines []string
	for name := range want {
		lines = append(lines, "wrote "+filepath.Join(directory, name))
	}
	slices.Sort(lines)
	told := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	slices.Sort(told)
	if diff := cmp.Diff(lines, told); diff != "" {
		t.Errorf("what it says (-written +told):\n%s", diff)
	}
	if stderr.String() != "" {
		t.Errorf("stderr: %s", &stderr)
	}
	expectRunbooks(t, written)
	if dashboards := slices.DeleteFunc(slices.Collect(maps.Keys(written)), func(name string) bool { return !strings.HasSuffix(name, ".json") }); len(dashboards) == 0 {
		t.Error("there is no dashboard")
	}
}

// expectRunbooks wants a page for each alert that is written.
func expectRunbooks(t *testing.T, written map[string]string) {
	t.Helper()
	alert := regexp.MustCompile(`(?m)^\s*- alert: (\w+)$`)
	alerts := 0
	for name, content := range written {
		if !strings.HasSuffix(name, ".rules.yml") {
			continue
		}
		for _, match := range alert.FindAllStringSubmatch(content, -1) {
			alerts++
			if written["alerts/runbooks/"+match[1]+".md"] == "" {
				t.Errorf("%s has no runbook", match[1])
			}
		}
	}
	if alerts < 12 {
		t.Errorf("%d alerts are written, want at least 12", alerts)
	}
}

// contents reads all files below a directory.
func contents(t *testing.T, directory string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(directory, path)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
