// Package kernel_test holds the objects in the tree to their source.
package kernel_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// compiler is the version of clang by which the objects were made (Debian 12). Others
// write other bytes.
const compiler = "14"

// TestObjectsAreMadeOfTheirSource: `make generate` would change nothing.
func TestObjectsAreMadeOfTheirSource(t *testing.T) {
	t.Parallel()
	version, err := exec.Command("clang", "--version").Output()
	if err != nil {
		t.Skipf("the BPF objects are not compared with their source: no clang (%v)", err)
	}
	if major := regexp.MustCompile(`version (\d+)`).FindSubmatch(version); major == nil || string(major[1]) != compiler {
		t.Skipf("the BPF objects are not compared with their source: they are made by clang %s, and here is %s", compiler, bytes.SplitN(version, []byte("\n"), 2)[0])
	}
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`(?m)^//go:generate (go run \S+/bpf2go) (.+)$`).FindSubmatch(source)
		if line == nil {
			continue
		}
		found = true
		t.Run(filepath.Dir(file), func(t *testing.T) {
			t.Parallel()
			made := t.TempDir()
			arguments := strings.Fields(string(line[1]) + " -output-dir " + made + " " + string(line[2]))
			generate := exec.Command(arguments[0], arguments[1:]...)
			generate.Dir = filepath.Dir(file)
			generate.Env = append(os.Environ(), "GOPACKAGE="+filepath.Base(generate.Dir))
			if output, err := generate.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", generate, err, output)
			}
			same(t, made, generate.Dir)
		})
	}
	if !found {
		t.Error("nothing is generated")
	}
}

// same compares what was made with what is in the tree.
func same(t *testing.T, made, tree string) {
	t.Helper()
	files, err := os.ReadDir(made)
	if err != nil || len(files) != 2 {
		t.Fatalf("made %v (%v), want an object and its Go file", files, err)
	}
	for _, file := range files {
		want, err := os.ReadFile(filepath.Join(made, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(tree, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("%s is not what its source gives: run make generate", filepath.Join(tree, file.Name()))
		}
	}
}
