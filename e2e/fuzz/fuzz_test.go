package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":        "module x\n",
		"a/a_test.go":   "package a\n\nfunc FuzzB(f *testing.F) {}\nfunc FuzzA(f *testing.F) {}\n// func FuzzC(f *testing.F)\n",
		"a/a.go":        "package a\n\nfunc FuzzD(f *testing.F) {}\n",
		"b/c/x_test.go": "package c\n\nfunc FuzzE(f *testing.F) {\n}\n",
		"e/go.mod":      "module y\n",
		"e/e_test.go":   "package e\n\nfunc FuzzF(f *testing.F) {}\n",
	} {
		path := filepath.Join(source, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := find(source, regexp.MustCompile(""))
	if want := []target{{"a", "FuzzA"}, {"a", "FuzzB"}, {"b/c", "FuzzE"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := find(source, regexp.MustCompile("B$")); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestCounts reads what Go 1.26 printed.
func TestCounts(t *testing.T) {
	t.Parallel()
	const output = `fuzz: elapsed: 0s, gathering baseline coverage: 0/11 completed
fuzz: elapsed: 0s, gathering baseline coverage: 11/11 completed, now fuzzing with 1 workers
fuzz: elapsed: 3s, execs: 38617 (12871/sec), new interesting: 3 (total: 14)
fuzz: elapsed: 5s, execs: 51270 (6199/sec), new interesting: 4 (total: 15)
PASS
`
	if executions, added := counts([]byte(output)); executions != 51270 || added != 4 {
		t.Errorf("%d, %d", executions, added)
	}
	if executions, added := counts([]byte("panic")); executions != 0 || added != 0 {
		t.Errorf("%d, %d", executions, added)
	}
	if !isOutOfTime([]byte("--- FAIL: FuzzX\n    context deadline exceeded\n")) || isOutOfTime([]byte("context deadline exceeded\nFailing input written to x\n")) {
		t.Error("what is a fault, and what is none, is not told apart")
	}
}

func TestCoveredBy(t *testing.T) {
	t.Parallel()
	got := coveredBy([]byte("mode: set\na.go:1.2,3.4 1 1\na.go:5.6,7.8 2 0\n"))
	if !slices.Equal(got, []string{"a.go:1.2,3.4 1"}) {
		t.Errorf("%v", got)
	}
}
