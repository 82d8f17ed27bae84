package processes

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// networkCycle is how often the network namespace of every process is read again:
// it may change without an exec (unshare(2), setns(2)).
const networkCycle = time.Minute

// networkTurns is how many samples a cycle is spread over.
func networkTurns(last *model.ProcessSnapshot) int {
	if last == nil || last.Interval <= 0 {
		return 1
	}
	return max(1, int(networkCycle/last.Interval))
}
