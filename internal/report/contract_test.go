package report

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/contracttest"
)

// TestContract: the fields of each JSON document, and the exit code of each verdict.
func TestContract(t *testing.T) {
	t.Parallel()
	const file = "../../docs/contract.txt"
	fields := slices.DeleteFunc(contracttest.Fields("json", reflect.TypeFor[document]()), func(field string) bool {
		return strings.HasPrefix(field, "history[].finding.") // those of findings[]: it is the same type
	})
	contracttest.Check(t, file, "json-findings", fields)
	contracttest.Check(t, file, "json-diff", contracttest.Fields("json", reflect.TypeFor[jsonDiff]()))
	contracttest.Check(t, file, "json-explain", contracttest.Fields("json", reflect.TypeFor[jsonExplanation]()))
	contracttest.Check(t, file, "json-schema", []string{fmt.Sprintf("version %d", schemaVersion)})
	var codes []string
	for _, r := range []Report{idle(), warned(), incident(), unknown()} {
		codes = append(codes, fmt.Sprintf("%d %s", ExitCode(r), r.verdict()))
	}
	slices.Sort(codes)
	if len(slices.Compact(slices.Clone(codes))) != 4 {
		t.Fatalf("not all four verdicts: %v", codes)
	}
	contracttest.Check(t, file, "exit-code-of-scan", codes)
}
