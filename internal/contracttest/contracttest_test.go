package contracttest

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFields(t *testing.T) {
	t.Parallel()
	type inner struct {
		Since time.Time `json:"since,omitzero"`
		Bytes uint64    `json:"bytes"`
	}
	type outer struct {
		Names  []string       `json:"names"`
		Inner  *inner         `json:"inner,omitempty"`
		All    []inner        `json:"all"`
		Limits map[string]int `json:"limits"`
		hidden bool
	}
	want := []string{"names[] string", "inner object", "inner.since time", "inner.bytes number", "all[] object", "all[].since time", "all[].bytes number", "limits map"}
	if diff := cmp.Diff(want, Fields("json", reflect.TypeFor[outer]())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_ = outer{}.hidden
}

func TestAdd(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "contract.txt")
	if err := os.WriteFile(file, []byte("# What is promised.\nflag --b\nmetric a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	add(t, file, []string{"flag --c", "flag --a"})
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("# What is promised.\nflag --a\nflag --b\nflag --c\nmetric a\n", string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	Check(t, file, "flag", []string{"--c", "--b", "--a"})
}
