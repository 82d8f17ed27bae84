package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const written = `go: downloading example.org/x v1.0.0
{"Action":"output","Package":"example.org/a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"example.org/a","Test":"TestGood","Output":"    a_test.go:3: all is well\n"}
{"Action":"pass","Package":"example.org/a","Test":"TestGood"}
{"Action":"output","Package":"example.org/a","Test":"TestRoot","Output":"=== RUN   TestRoot\n"}
{"Action":"output","Package":"example.org/a","Test":"TestRoot","Output":"    a_test.go:9: needs CAP_NET_ADMIN\n"}
{"Action":"output","Package":"example.org/a","Test":"TestRoot","Output":"--- SKIP: TestRoot (0.00s)\n"}
{"Action":"skip","Package":"example.org/a","Test":"TestRoot"}
{"Action":"output","Package":"example.org/a","Test":"FuzzParse/0a1b","Output":"    a_test.go:12: no address\n"}
{"Action":"skip","Package":"example.org/a","Test":"FuzzParse/0a1b"}
{"Action":"output","Package":"example.org/a","Output":"PASS\n"}
{"Action":"output","Package":"example.org/a","Output":"ok  \texample.org/a\t0.1s\n"}
{"Action":"pass","Package":"example.org/a"}
{"Action":"output","Package":"example.org/b","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"output","Package":"example.org/b","Test":"TestBad","Output":"    b_test.go:4: it is 1, want 2\n"}
{"Action":"output","Package":"example.org/b","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"example.org/b","Test":"TestBad"}
{"Action":"output","Package":"example.org/b","Test":"TestFine","Output":"    b_test.go:8: fine\n"}
{"Action":"pass","Package":"example.org/b","Test":"TestFine"}
{"Action":"output","Package":"example.org/b","Output":"FAIL\texample.org/b\t0.1s\n"}
{"Action":"fail","Package":"example.org/b"}
{"Action":"output","Package":"example.org/c","Output":"?   \texample.org/c\t[no test files]\n"}
{"Action":"skip","Package":"example.org/c"}
`

func TestReport(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := &report{out: &out, running: map[string][]event{}}
	if err := r.read(strings.NewReader(written)); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "skipped")
	for range 2 {
		if err := r.finish(list); err != nil {
			t.Fatal(err)
		}
	}
	const skipped = "a TestRoot: needs CAP_NET_ADMIN\n"
	want := "go: downloading example.org/x v1.0.0\n" +
		"ok  \texample.org/a\t0.1s\n" +
		"    b_test.go:4: it is 1, want 2\n--- FAIL: TestBad (0.00s)\nFAIL\texample.org/b\t0.1s\n" +
		"?   \texample.org/c\t[no test files]\n" +
		"1 skipped:\n" + skipped + "1 skipped:\n" + skipped
	if out.String() != want {
		t.Errorf("it writes\n%s\nwant\n%s", &out, want)
	}
	if content, err := os.ReadFile(list); err != nil || string(content) != skipped+skipped {
		t.Errorf("the list is %q, %v", content, err)
	}
}

func TestVerboseReport(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := &report{out: &out, verbose: true, running: map[string][]event{}}
	if err := r.read(strings.NewReader(written)); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"=== RUN   TestGood\n", "all is well\n", "PASS\n", "it is 1, want 2\n"} {
		if strings.Count(out.String(), line) != 1 {
			t.Errorf("not once: %q in\n%s", line, &out)
		}
	}
}
