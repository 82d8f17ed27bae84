package probe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	t.Parallel()
	wanted := []string{"a", "a.b", "l.0", "l.1.c", "n", "deep.1.2.3.4.5.6.7", "d.e"}
	for content, want := range map[string]struct {
		found      map[string]string
		whole, cut bool
	}{
		`{"a":{"b":1.50},"l":["x",{"c":true}],"n":null}`:     {map[string]string{"a": "{", "a.b": "1.50", "l.0": "x", "l.1.c": "true"}, true, false},
		`{"d.e":"a dot in a name"}`:                          {map[string]string{"d.e": "a dot in a name"}, true, false},
		`{"a":"first","a":"second"} `:                        {map[string]string{"a": "first"}, true, false},
		`{"z":[{"a":1},[["a"]],{}],"a":"a"}`:                 {map[string]string{"a": "a"}, true, false},
		`{"a":"b","l":["x`:                                   {map[string]string{"a": "b"}, false, true},
		`{"a":"b"} trailing`:                                 {map[string]string{"a": "b"}, false, false},
		`{"a":"b"}{"n":1}`:                                   {map[string]string{"a": "b"}, false, false},
		`{"a":"b",}`:                                         {map[string]string{"a": "b"}, false, false},
		`{"deep":[0,[0,0,{"3":{"4":{"5":{"6":{"7":8}}}}}]]}`: {map[string]string{"deep.1.2.3.4.5.6.7": "8"}, true, false},
		`{"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":{"9":{"a":1}}}}}}}}},"a":2}`: {map[string]string{"a": "2"}, true, false},
		strings.Repeat("[", 60000): {map[string]string{}, false, true},
		`"text"`:                   {map[string]string{}, false, false},
		`7`:                        {map[string]string{}, false, false},
		``:                         {map[string]string{}, false, true},
		`<html>`:                   {map[string]string{}, false, false},
	} {
		found, whole, cut := find([]byte(content), wanted)
		if diff := cmp.Diff(want.found, found); diff != "" || whole != want.whole || cut != want.cut {
			t.Errorf("%.80s: whole %t cut %t %s", content, whole, cut, diff)
		}
	}
}

// BenchmarkFind reads the worst that fits in an answer.
func BenchmarkFind(b *testing.B) {
	for name, content := range map[string]string{
		"depth":     strings.Repeat(`{"a":`, byteLimit/5),
		"numbers":   "[" + strings.Repeat("1,", byteLimit/2),
		"long name": `{"` + strings.Repeat("n", byteLimit/2) + `":{` + strings.Repeat(`"":1,`, byteLimit/10),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				find([]byte(content), []string{"a.b", "c"})
			}
		})
	}
}
