package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// maxKept is how large an input may be that is kept in the tree, in bytes.
const maxKept = 4 << 10

// keepAll takes into the tree, of each fuzz test, the inputs of earlier runs that cover what
// no seed and no input in the tree covers, the smallest first.
func keepAll(ctx context.Context, set settings, targets []target, stdout io.Writer) error {
	for _, folder := range folders(targets) {
		if err := compile(ctx, set, folder, "-cover", "-covermode=set", "-coverpkg=./"+folder); err != nil {
			return err
		}
	}
	for _, t := range targets {
		k := keeper{set, t, filepath.Join(set.source, t.folder, "testdata/fuzz", t.name), map[string]bool{}}
		kept, size, err := k.keep(ctx)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", t.name, t.folder, err)
		}
		fmt.Fprintf(stdout, "%-24s %-32s %3d inputs kept, %d bytes\n", t.name, t.folder, kept, size)
	}
	return nil
}

type keeper struct {
	set     settings
	target  target
	kept    string          // the directory in the tree
	covered map[string]bool // parts of the code, as a coverage profile names them
}

func (k *keeper) keep(ctx context.Context) (kept, size int, err error) {
	inputs, err := k.inputs()
	if err != nil || len(inputs) == 0 {
		return 0, 0, err
	}
	if _, err := k.cover(ctx, "^"+k.target.name+"$"); err != nil {
		return 0, 0, err
	}
	if err := os.MkdirAll(k.kept, 0o755); err != nil {
		return 0, 0, err
	}
	for _, input := range inputs {
		content, err := os.ReadFile(input)
		if err != nil {
			return kept, size, err
		}
		name := filepath.Base(input)
		there := filepath.Join(k.kept, name)
		if _, err := os.Stat(there); err == nil {
			continue
		}
		if err := os.WriteFile(there, content, 0o644); err != nil {
			return kept, size, err
		}
		added, err := k.cover(ctx, "^"+k.target.name+"$/^"+name+"$")
		if err == nil && added > 0 {
			kept, size = kept+1, size+len(content)
			continue
		}
		if err := errors.Join(err, os.Remove(there)); err != nil {
			return kept, size, err
		}
	}
	_ = os.Remove(k.kept) // it may be empty
	return kept, size, nil
}

// inputs are the files that earlier runs left, the smallest first.
func (k *keeper) inputs() (names []string, err error) {
	sizes := map[string]int64{}
	directory := filepath.Join(k.set.work, "inputs", k.target.folder, k.target.name)
	entries, err := os.ReadDir(directory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		if name := filepath.Join(directory, entry.Name()); info.Size() <= maxKept {
			names, sizes[name] = append(names, name), info.Size()
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(sizes[a], sizes[b]), strings.Compare(a, b)) })
	return names, nil
}

// cover runs tests of the package, and returns how many parts of the code they cover that none before did.
func (k *keeper) cover(ctx context.Context, pattern string) (added int, err error) {
	profile := filepath.Join(k.set.work, "profile")
	command := exec.CommandContext(ctx, program(k.set.work, k.target.folder), "-test.run="+pattern, "-test.coverprofile="+profile)
	command.Dir = filepath.Join(k.set.source, k.target.folder)
	if output, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, output)
	}
	content, err := os.ReadFile(profile)
	if err != nil {
		return 0, err
	}
	for _, part := range coveredBy(content) {
		if !k.covered[part] {
			k.covered[part] = true
			added++
		}
	}
	return added, nil
}

// coveredBy reads a coverage profile: `FILE:FROM,TO STATEMENTS COUNT`.
func coveredBy(profile []byte) (parts []string) {
	lines := bufio.NewScanner(bytes.NewReader(profile))
	for lines.Scan() {
		if part, ok := strings.CutSuffix(lines.Text(), " 1"); ok {
			parts = append(parts, part)
		}
	}
	return parts
}
