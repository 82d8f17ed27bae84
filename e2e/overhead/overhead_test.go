package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
)

// pairs take 10 s without, and so many seconds with the exporter.
func pairs(with ...float64) []pair {
	all := make([]pair, len(with))
	for i, s := range with {
		all[i] = pair{without: 10 * time.Second, with: time.Duration(s * float64(time.Second)), exporter: time.Second}
	}
	return all
}

func TestDocument(t *testing.T) {
	t.Parallel()
	fast := result{"a build", true, pairs(10.05, 9.9, 10.3)}
	slow := result{"processes", true, pairs(10.2, 10.4)}
	for name, test := range map[string]struct {
		results []result
		says    []string
	}{
		"good":  {[]result{fast}, []string{"| a build | 3 | 10 | 10.1 | 1.0050 | 0.990 to 1.030 | 1 |\n", "Goal met: no load that has one takes more than 1 % longer."}},
		"worst": {[]result{fast, {"worst", false, slow.pairs}}, []string{"| worst | 2 |", "Goal met"}},
		"bad":   {[]result{fast, slow}, []string{"| processes | 2 | 10 | 10.3 | 1.0300 | 1.020 to 1.040 | 1 |\n", "Goal not met: more than 1 % longer take: processes."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := string(document("2 cores", settings{scrapes: 15 * time.Second}, test.results))
			for _, want := range test.says {
				if !strings.Contains(got, want) {
					t.Errorf("there is no %q in\n%s", want, got)
				}
			}
		})
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		if first, second := order(i)[0], order(i)[1]; first == second || first != (i%2 == 1) {
			t.Errorf("pair %d: %v, %v", i, first, second)
		}
	}
}

func TestSpawnEverywhere(t *testing.T) {
	t.Parallel()
	short := filepath.Join(t.TempDir(), "short")
	if err := crowd.WriteShort(short); err != nil {
		t.Fatal(err)
	}
	for _, count := range []int{1, 7} {
		if took, err := spawnEverywhere(t.Context(), short, count); err != nil || took <= 0 {
			t.Errorf("%d: %s, %v", count, took, err)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := spawnEverywhere(ended, short, 5); err == nil {
		t.Error("a run that was broken off counts")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	if set, err := parse([]string{"-builds=0", "-spawns=2"}, io.Discard); err != nil || set.spawns != 2 || set.perSecond != 2000 {
		t.Errorf("%+v, %v", set, err)
	}
	for _, wrong := range [][]string{{"-builds=-1"}, {"-count=0"}, {"-rate=0"}, {"more"}} {
		if _, err := parse(wrong, io.Discard); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
	if got := loadsOf(settings{builds: 1}); len(got) != 1 || got[0].pairs != 1 {
		t.Errorf("%+v", got)
	}
	if got := loadsOf(settings{spawns: 3}); len(got) != 2 || got[1].prepare == nil || !got[0].goal || got[1].goal {
		t.Errorf("%+v", got)
	}
}
