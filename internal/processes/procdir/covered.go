package procdir

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxHidden bounds the processes that are looked for behind mounts.
const maxHidden = 1024

// Covered returns the processes whose directory in procfs, or a file in it, has
// something mounted over it, and what that is (T1564.013). One such mount in the
// namespace of this process hides them from every tool in it; one in that of
// pid 1 hides them from the host's.
func (r *Reader) Covered() map[int]string {
	covered := map[int]string{}
	for _, pid := range []string{"self", "1"} {
		mounts, err := r.mounts(pid)
		if err != nil {
			if pid == "self" && !errors.Is(err, os.ErrNotExist) {
				r.Failed(model.AspectStat, err)
			}
			continue
		}
		for m := range mounts {
			if len(covered) == maxHidden {
				break
			}
			if pid, ok := r.covers(m.Point); ok {
				covered[pid] = strings.TrimSpace(m.Kind + " " + m.Root)
			}
		}
	}
	return covered
}

// covers returns the process whose directory, or a file in it, a mount lies over.
func (r *Reader) covers(point string) (pid int, ok bool) {
	for _, procfs := range []string{r.Proc, "/proc"} {
		below, found := strings.CutPrefix(point, strings.TrimSuffix(procfs, "/")+"/")
		if !found {
			continue
		}
		directory, _, _ := strings.Cut(below, "/")
		if pid, err := strconv.Atoi(directory); err == nil && pid > 0 {
			return pid, true
		}
	}
	return 0, false
}
