package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// target is one fuzz test.
type target struct {
	folder string // of its package, below the repository
	name   string
}

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)

// find lists the fuzz tests of the exporter in the order of their folders. What has a go.mod of its own is left out.
func find(source string, only *regexp.Regexp) (targets []target, err error) {
	err = filepath.WalkDir(source, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, statErr := os.Stat(filepath.Join(name, "go.mod"))
			if other := statErr == nil && name != source; other || strings.HasPrefix(entry.Name(), ".") && name != source {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(source, filepath.Dir(name))
		if err != nil {
			return err
		}
		for _, match := range declaration.FindAllSubmatch(content, -1) {
			if t := (target{folder, string(match[1])}); only.MatchString(t.name) {
				targets = append(targets, t)
			}
		}
		return nil
	})
	slices.SortFunc(targets, func(a, b target) int { return strings.Compare(a.folder+" "+a.name, b.folder+" "+b.name) })
	return targets, err
}

// folders are those of the packages, each once.
func folders(targets []target) (all []string) {
	for _, t := range targets {
		if !slices.Contains(all, t.folder) {
			all = append(all, t.folder)
		}
	}
	return all
}

// program is where the test program of a package lies.
func program(directory, folder string) string {
	return filepath.Join(directory, strings.ReplaceAll(folder, "/", "_")+".test")
}
