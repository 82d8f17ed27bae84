// Testreport reads what `go test -json` writes, prints what go test prints without
// -json, and lists at the end which tests were skipped, and why: go test itself says
// so only with -v, among everything else.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// event is one line of `go test -json`, see `go doc test2json`.
type event struct {
	Action  string
	Package string
	Test    string // "" is the package itself
	Output  string
}

func main() {
	verbose := flag.Bool("v", false, "print everything, as go test -v does")
	list := flag.String("skipped", "", "append what was skipped to `FILE`, a line each")
	flag.Parse()
	r := &report{out: os.Stdout, verbose: *verbose, running: map[string][]event{}}
	err := r.read(os.Stdin)
	if err == nil {
		err = r.finish(*list)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
}

type report struct {
	out     io.Writer
	verbose bool
	running map[string][]event // what the packages that have not ended have written
	skipped []string
}

// longestLine is the longest line that a test may write, in bytes.
const longestLine = 16 << 20

func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(r.out, lines.Text()) // of go itself
			continue
		}
		r.take(e)
	}
	return lines.Err()
}

func (r *report) take(e event) {
	if r.verbose || e.Action == "build-output" {
		fmt.Fprint(r.out, e.Output)
	}
	r.running[e.Package] = append(r.running[e.Package], e)
	switch {
	case e.Action == "skip" && e.Test != "" && !isInput(e.Test):
		r.skipped = append(r.skipped, fmt.Sprintf("%s %s: %s", path.Base(e.Package), e.Test, reason(r.running[e.Package], e.Test)))
	case e.Test == "" && (e.Action == "pass" || e.Action == "skip" || e.Action == "fail"):
		if !r.verbose {
			r.print(r.running[e.Package], e.Action == "fail")
		}
		delete(r.running, e.Package)
	}
}

// print writes the result of a package that has ended. If it has failed, also what
// all tests wrote but those that have passed or were skipped.
func (r *report) print(events []event, failed bool) {
	quiet := map[string]bool{}
	for _, e := range events {
		if e.Action == "pass" || e.Action == "skip" {
			quiet[e.Test] = true
		}
	}
	for _, e := range events {
		mark := strings.HasPrefix(e.Output, "=== ")
		if ofPackage := e.Test == "" && e.Output != "PASS\n"; ofPackage || failed && !quiet[e.Test] && !mark {
			fmt.Fprint(r.out, e.Output)
		}
	}
}

// isInput tells whether a test is an input of a fuzz test, which skips those that its property is not about.
func isInput(test string) bool { return strings.HasPrefix(test, "Fuzz") && strings.Contains(test, "/") }

// position is how t.Skip says where it was called.
var position = regexp.MustCompile(`^\S+\.go:\d+: `)

// reason is what a test that was skipped wrote.
func reason(events []event, test string) string {
	var written []string
	for _, e := range events {
		line := strings.TrimSpace(e.Output)
		if e.Test == test && line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			written = append(written, position.ReplaceAllString(line, ""))
		}
	}
	if len(written) == 0 {
		return "no reason given"
	}
	return strings.Join(written, " ")
}

// finish prints what was skipped and appends it to a file, unless that has no name.
func (r *report) finish(name string) error {
	if len(r.skipped) == 0 {
		return nil
	}
	fmt.Fprintf(r.out, "%d skipped:\n%s\n", len(r.skipped), strings.Join(r.skipped, "\n"))
	return programs.AppendLines(name, r.skipped)
}
