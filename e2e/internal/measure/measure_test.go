package measure

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	values := []int{5, 1, 4, 2, 3}
	for q, want := range map[float64]int{0: 1, 0.2: 1, 0.21: 2, 0.5: 3, 0.99: 5, 1: 5} {
		if got := Quantile(values, q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if got := Quantile([]time.Duration(nil), 0.5); got != 0 {
		t.Errorf("of none: %s", got)
	}
	if values[0] != 5 {
		t.Error("the values were sorted in place")
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, values := range map[float64][]float64{0: nil, 2: {3, 1, 2}, 2.5: {4, 1, 2, 3}} {
		if got := Median(values); got != want {
			t.Errorf("median of %v is %v, want %v", values, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{
		0: "0", 7: "7", 0.0123: "0.012", 0.123: "0.12", 1.234: "1.23", 12.34: "12.3", 123.4: "123",
		1234: "1,234", 1234567: "1,234,567", -1234: "-1,234", -0.5: "-0.50",
	} {
		if got := Number(value); got != want {
			t.Errorf("%v is written %q, want %q", value, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := Table{Columns: []string{"name", "bytes:"}}
	table.Add("a|b", "12")
	var out strings.Builder
	table.Write(&out)
	if want := "\n| name | bytes |\n| --- | ---: |\n| a\\|b | 12 |\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	file := t.TempDir() + "/page.md"
	if err := Publish(&out, file, []byte("page")); err != nil {
		t.Fatal(err)
	}
	if written, err := os.ReadFile(file); err != nil || string(written) != "page" || out.String() != "page" {
		t.Errorf("%q, %v; shown %q", written, err, &out)
	}
}

// TestAccount measures this test itself.
func TestAccount(t *testing.T) {
	t.Parallel()
	before, err := CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after == before; {
		if after, err = CPUTime(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if resident, err := Resident(os.Getpid()); err != nil || resident < 1<<20 {
		t.Errorf("%d bytes resident, %v", resident, err)
	}
	if peak, err := Peak(os.Getpid()); err != nil || peak < 1<<20 {
		t.Errorf("%d bytes at most, %v", peak, err)
	}
	if count, err := Processes("/proc"); err != nil || count < 1 {
		t.Errorf("%d processes, %v", count, err)
	}
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := CPUTime(child.Process.Pid); err == nil {
		t.Error("a process that is gone has CPU time")
	}
}

func TestSizeIn(t *testing.T) {
	t.Parallel()
	if got, err := sizeIn([]byte("Name:\tx\nVmHWM:\t     140 kB\nVmRSS:\t     132 kB\n"), "VmRSS"); err != nil || got != 132<<10 {
		t.Errorf("%d, %v", got, err)
	}
	if _, err := sizeIn([]byte("Name:\tkthreadd\n"), "VmRSS"); err == nil {
		t.Error("a kernel thread has no memory")
	}
}

func TestPrintedVersion(t *testing.T) {
	t.Parallel()
	for printed, want := range map[string]string{
		"cryptojack_exporter, version 0.9.0 (branch: main, revision: abc)\n  build user: x":       "0.9.0",
		"process-exporter, version  (branch: debian/sid, revision: 0.7.10-3+b5)\n  build user: y": "0.7.10-3+b5",
	} {
		if got, err := printedVersion([]byte(printed)); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if _, err := printedVersion([]byte("usage")); err == nil {
		t.Error("that is no version")
	}
}
