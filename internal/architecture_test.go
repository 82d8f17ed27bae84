// Package internal_test holds the house to ARCHITECTURE.md: which package may import
// which, and that what the pages for maintainers name is there.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	top    = ".." // of the repository
	module = "github.com/cryptojack-exporter/cryptojack_exporter/"
)

// imports reads what each package of the exporter imports, by its folder. Tests, and
// the modules and tools beside the exporter, are left out.
func imports(t *testing.T) map[string]map[string]bool {
	t.Helper()
	packages := map[string]map[string]bool{}
	for _, folder := range []string{"cmd", "collector", "internal", "alerts", "dashboards"} {
		err := filepath.WalkDir(filepath.Join(top, folder), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(top, filepath.Dir(name))
			if err != nil {
				return err
			}
			if packages[relative] == nil {
				packages[relative] = map[string]bool{}
			}
			for _, imported := range file.Imports {
				packages[relative][strings.TrimPrefix(strings.Trim(imported.Path.Value, `"`), module)] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return packages
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(top, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// below tells whether a package is a folder or lies below it.
func below(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

func belowAny(name string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return below(name, folder) })
}

// TestImportsRunOneWay: facts below, sensors above them, detection beside the sensors,
// and what serves people on top.
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	packages := imports(t)
	sensors := slices.Collect(maps.Keys(sensorsOf(t)))
	if len(sensors) < 5 {
		t.Fatalf("sensors: %v", sensors)
	}
	// of is the sensor that a package is or belongs to, or "".
	of := func(name string) string {
		for _, sensor := range sensors {
			if below(name, sensor) {
				return sensor
			}
		}
		return ""
	}
	for from, all := range packages {
		for to := range all {
			switch {
			case to == "os/exec":
				t.Errorf("%s imports os/exec: the exporter starts no program", from)
			case packages[to] == nil: // not ours
			case below(from, "internal") && !below(to, "internal"):
				t.Errorf("%s imports %s: internal packages know nothing of what is built on them", from, to)
			case below(path.Dir(from), to):
				t.Errorf("%s imports %s: what lies below a package does not know it", from, to)
			case from == "internal/model", from == "internal/text", from == "internal/secrets", from == "internal/fingerprint":
				t.Errorf("%s imports %s: it is the bottom, and imports nothing of ours", from, to)
			case from == "collector" && !belowAny(to, "internal/model", "internal/text"):
				t.Errorf("%s imports %s: it formats what is in the model", from, to)
			case of(from) != "" && of(to) != "" && of(from) != of(to):
				t.Errorf("%s imports %s: a sensor reads another's snapshot by a function that cmd passes in", from, to)
			case of(from) != "" && belowAny(to, "internal/detect", "internal/findings", "internal/lineage", "internal/tracker", "internal/tuning", "internal/policy", "internal/rules", "internal/monitor", "internal/config", "internal/report"):
				t.Errorf("%s imports %s: a sensor says what there is, and judges nothing", from, to)
			case from != "cmd/cryptojack_exporter" && belowAny(to, "internal/monitor", "internal/report"):
				t.Errorf("%s imports %s: only cmd wires them", from, to)
			}
		}
	}
}

// TestPure: what judges does no I/O, so that it is a function of what was seen.
func TestPure(t *testing.T) {
	t.Parallel()
	forbidden := []string{"os", "io/fs", "net/http", "crypto/tls", "syscall", "golang.org/x/sys", "math/rand", "internal/hostfs"}
	packages := imports(t)
	for _, pure := range []string{
		"collector", "internal/catalogue", "internal/detect", "internal/exposure", "internal/findings", "internal/fingerprint",
		"internal/lineage", "internal/model", "internal/place",
		"internal/policy", "internal/programs", "internal/rules", "internal/text", "internal/tracker", "internal/tuning",
	} {
		if packages[pure] == nil {
			t.Errorf("there is no package %s", pure)
		}
		for imported := range packages[pure] {
			if belowAny(imported, forbidden...) {
				t.Errorf("%s imports %s: it does no I/O", pure, imported)
			}
		}
	}
}

// sensorsOf finds the packages that hold a sensor, and its name.
func sensorsOf(t *testing.T) map[string]string {
	t.Helper()
	named := regexp.MustCompile(`(?m)^func \((?:s )?\*Sensor\) Name\(\) string \{ return "([a-z_]+)" \}$`)
	sensors := map[string]string{}
	files, err := filepath.Glob(filepath.Join(top, "internal/*/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimPrefix(file, top+"/")
		if match := named.FindStringSubmatch(read(t, name)); match != nil {
			sensors[path.Dir(name)] = match[1]
		}
	}
	return sensors
}

// TestEverySensorIsWired: it runs, and the page has a row for it.
func TestEverySensorIsWired(t *testing.T) {
	t.Parallel()
	wiring, coverage := read(t, "cmd/cryptojack_exporter/sensors.go"), read(t, "internal/report/coverage.go")
	for folder, name := range sensorsOf(t) {
		if !strings.Contains(wiring, module+folder+`"`) {
			t.Errorf("cmd/cryptojack_exporter/sensors.go does not make the sensor of %s", folder)
		}
		if !strings.Contains(coverage, `Name: "`+name+`"`) {
			t.Errorf("internal/report/coverage.go has no row for the sensor %s", name)
		}
	}
}

// TestEveryAspectIsExplained: blindness of any kind is shown, with the way to mend it,
// and has a colour.
func TestEveryAspectIsExplained(t *testing.T) {
	t.Parallel()
	aspects := regexp.MustCompile(`(?m)^\t(Aspect\w+)\s+Aspect = "(\w+)"`).FindAllStringSubmatch(read(t, "internal/model/snapshot.go"), -1)
	if len(aspects) < 8 {
		t.Fatalf("aspects: %v", aspects)
	}
	for _, aspect := range aspects {
		if file := "internal/report/coverage.go"; !strings.Contains(read(t, file), "model."+aspect[1]+",") {
			t.Errorf("%s does not say what %s is", file, aspect[1])
		}
		if file := "dashboards/generate/traces.go"; !strings.Contains(read(t, file), `"`+aspect[2]+`"`) {
			t.Errorf("%s has no colour for %s", file, aspect[2])
		}
	}
}

// TestNothingRegistersItself: what runs is wired in cmd.
func TestNothingRegistersItself(t *testing.T) {
	t.Parallel()
	for folder := range imports(t) {
		if strings.Contains(sourceOf(t, folder), "\nfunc init()") {
			t.Errorf("%s has an init function", folder)
		}
	}
}

// sourceOf returns all files of a package, tests too.
func sourceOf(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(top, folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range files {
		source.WriteString(read(t, strings.TrimPrefix(file, top+"/")))
	}
	return source.String()
}

// TestMaintainersPages: every package is in the architecture's table of folders, and
// every file, folder and exported name of ours that the pages name exists.
func TestMaintainersPages(t *testing.T) {
	t.Parallel()
	architecture := read(t, "ARCHITECTURE.md")
	source := map[string]string{} // of each package, by its last name
	for folder := range imports(t) {
		if !strings.Contains(architecture, "`"+folder+"`") {
			t.Errorf("ARCHITECTURE.md does not say what %s is for", folder)
		}
		source[path.Base(folder)] += sourceOf(t, folder)
	}
	identifier := regexp.MustCompile(`\b([a-z]+)\.([A-Z][A-Za-z]+)(?:\.([A-Za-z]+))?`)
	ours := regexp.MustCompile(`\b(?:cmd|collector|internal|alerts|dashboards|deploy|e2e|scripts)/[A-Za-z0-9_/.-]*[A-Za-z0-9_]`)
	quoted := regexp.MustCompile("`([A-Za-z0-9_/.-]+\\.(?:go|md|yml|txt|service|html|json))`")
	for _, page := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md"} {
		text := read(t, page)
		for _, match := range identifier.FindAllStringSubmatch(text, -1) {
			code, isOurs := source[match[1]]
			for _, part := range match[2:] {
				if isOurs && part != "" && part != "NAME" && !regexp.MustCompile(`\b`+part+`\b`).MatchString(code) {
					t.Errorf("%s names %s, and package %s has no %s", page, match[0], match[1], part)
				}
			}
		}
		files := ours.FindAllString(text, -1)
		for _, match := range quoted.FindAllStringSubmatch(text, -1) {
			files = append(files, match[1])
		}
		for _, file := range files {
			if strings.Contains(file, "NAME") {
				continue // stands for any
			}
			if _, err := os.Stat(filepath.Join(top, file)); err != nil {
				t.Errorf("%s names %s, which does not exist", page, file)
			}
		}
	}
}
