package processes

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxHidden bounds the processes that are looked for behind mounts.
const maxHidden = 1024

// covered returns the processes whose directory in procfs, or a file in it, has
// something mounted over it, and what that is (T1564.013). One such mount in the
// namespace of this process hides them from every tool in it; one in that of
// pid 1 hides them from the host's. A line that cannot be parsed
// is skipped, so that it does not hide the rest.
func (r *reader) covered() map[int]string {
	covered := map[int]string{}
	for _, pid := range []string{"self", "1"} {
		content, err := os.ReadFile(filepath.Join(r.proc, pid, "mountinfo"))
		if err != nil {
			if pid == "self" && !errors.Is(err, os.ErrNotExist) {
				r.failed(model.AspectStat, err)
			}
			continue
		}
		for line := range bytes.Lines(content) {
			if len(covered) == maxHidden {
				break
			}
			if pid, what, ok := r.covering(string(line)); ok {
				covered[pid] = what
			}
		}
	}
	return covered
}

// covering reads one line of mountinfo (proc_pid_mountinfo(5)).
func (r *reader) covering(line string) (pid int, what string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 5 {
		return 0, "", false
	}
	for _, procfs := range []string{r.proc, "/proc"} {
		below, found := strings.CutPrefix(fields[4], strings.TrimSuffix(procfs, "/")+"/")
		if !found {
			continue
		}
		directory, _, _ := strings.Cut(below, "/")
		pid, err := strconv.Atoi(directory)
		if err != nil || pid <= 0 {
			continue
		}
		what = fields[3] // the directory that is shown instead, within its file system
		if i := slices.Index(fields, "-"); i > 0 && i+1 < len(fields) {
			what = fields[i+1] + " " + what
		}
		return pid, what, true
	}
	return 0, "", false
}
