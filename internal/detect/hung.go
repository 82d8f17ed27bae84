package detect

import (
	"fmt"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	hungLeast = 30 * time.Second // a host that swaps answers sooner
	hungCores = 0.2
)

// memoryHangs holds for a process whose memory does not answer reads, so that
// neither ps(1) nor the exporter can look at it (T1564): its arguments lie in a page
// of a FUSE file that never answers, or of userfaultfd(2). A program that waits for
// a dead network file system looks alike, but computes nothing and is installed.
func memoryHangs(of subject) (string, strength) {
	p := of.process
	if p.MemoryHangs < hungLeast {
		return "", absent
	}
	evidence := fmt.Sprintf("Its memory cannot be read: no read has come back in time for %s.", text.Duration(p.MemoryHangs))
	if p.Origin.Suspicious() || p.Cores >= hungCores {
		return evidence, strong
	}
	return evidence, weak
}

func factMemoryHangs(*view) string { return "Its memory can be read, as far as it was tried." }
