package processes

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestLossesAreLoggedOnce: and once when they are over, however many there are.
func TestLossesAreLoggedOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &sample{table: &table{options: Options{Logger: log.NewLogfmtLogger(&out)}}, now: time.Unix(1_764_000_000, 0)}
	lines := func(lost uint64, after time.Duration) int {
		s.now = s.now.Add(after)
		s.logLosses(map[model.Source]uint64{model.SourceConnector: lost, model.SourceTaskstats: 0})
		return strings.Count(out.String(), "\n")
	}
	for i, step := range []struct {
		lost  uint64
		after time.Duration
		want  int
	}{{0, 0, 0}, {1, 0, 1}, {50, time.Minute, 1}, {51, time.Hour, 1}, {51, time.Minute, 1}, {51, lossIsOver, 2}, {51, time.Hour, 2}, {52, time.Hour, 3}} {
		if got := lines(step.lost, step.after); got != step.want {
			t.Errorf("step %d: %d lines, want %d: %s", i, got, step.want, out.String())
		}
	}
}
