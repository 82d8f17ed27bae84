// Package contracttest holds the code to docs/contract.txt: the names, codes and fields
// that users' own rules, dashboards, units and scripts rest on. Only tests import it.
package contracttest

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// updateVariable in the environment has Check add what is new to the file; `make contract` sets it.
const updateVariable = "UPDATE_CONTRACT"

// Check compares what the code has of one kind (one word, such as metric) with what the
// file promises. A line of the file is the kind, a space and one element. What is new has
// to be written down, which `make contract` does; what is gone has to be taken out by
// hand, so that nobody breaks a promise without noticing.
func Check(t *testing.T, file, kind string, elements []string) {
	t.Helper()
	if len(elements) == 0 {
		t.Fatalf("the code has nothing of the kind %q: the test does not find it", kind)
	}
	lines := readLines(t, file)
	var missing []string
	for _, element := range elements {
		if line := kind + " " + element; !slices.Contains(lines, line) && !slices.Contains(missing, line) {
			missing = append(missing, line)
		}
	}
	for _, line := range lines {
		if element, ok := strings.CutPrefix(line, kind+" "); ok && !slices.Contains(elements, element) {
			t.Errorf("%s promises %q, and it is gone. Users' rules, dashboards, units and scripts rest on it: have it back. If it must go, follow docs/upgrade.md: "+
				"a line with **Breaking:** under [Unreleased] in CHANGELOG.md that says what to do instead, a new minor version in VERSION (before 1.0; a new major one after it), "+
				"and only then delete the line from %s by hand", file, line, file)
		}
	}
	switch {
	case len(missing) == 0:
	case os.Getenv(updateVariable) != "":
		add(t, file, missing)
	default:
		t.Errorf("%s lacks what is new: `make contract` adds it, and from then on it is promised:\n%s", file, strings.Join(missing, "\n"))
	}
}

func readLines(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

// add writes lines into the file, sorted, below its head of comments. Tests of other
// packages may do the same at this moment.
func add(t *testing.T, file string, lines []string) {
	t.Helper()
	locked, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	if err := syscall.Flock(int(locked.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	var head []string
	for _, line := range readLines(t, file) {
		if strings.HasPrefix(line, "#") {
			head = append(head, line)
		} else if line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	if err := os.WriteFile(file, []byte(strings.Join(append(head, lines...), "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Fields lists the fields of a structure as they are written, by the struct tag that
// names them (json or yaml), each with its type: `findings[].suspect.exe string`.
func Fields(tag string, of reflect.Type) []string { return appendFields(nil, tag, "", of) }

func appendFields(fields []string, tag, prefix string, of reflect.Type) []string {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get(tag), ",")
		if name == "" || name == "-" {
			continue
		}
		name = prefix + name
		element := field.Type
		for element.Kind() == reflect.Pointer || element.Kind() == reflect.Slice {
			if element.Kind() == reflect.Slice {
				name += "[]"
			}
			element = element.Elem()
		}
		fields = append(fields, name+" "+typeOf(element))
		if typeOf(element) == "object" {
			fields = appendFields(fields, tag, name+".", element)
		}
	}
	return fields
}

// typeOf is what a type is to whoever reads or writes the file.
func typeOf(of reflect.Type) string {
	switch {
	case of == reflect.TypeFor[time.Time]():
		return "time"
	case of.Kind() == reflect.Struct:
		return "object"
	case of.Kind() == reflect.Map:
		return "map"
	case of.Kind() == reflect.Bool:
		return "boolean"
	case of.Kind() == reflect.String:
		return "string"
	default:
		return "number"
	}
}
