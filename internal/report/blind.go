package report

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Blind returns a sentence for each thing that could not be seen, with the way
// to mend it.
func Blind(meta map[string]model.Meta) []string {
	shares := map[model.Aspect]model.Share{}
	for _, m := range meta {
		for aspect, share := range m.Visibility {
			sum := shares[aspect]
			sum.Readable += share.Readable
			sum.Total += share.Total
			shares[aspect] = sum
		}
	}
	var sentences []string
	for _, lack := range []struct {
		aspect model.Aspect
		what   string
		mend   string
	}{
		{model.AspectStat, "processes could not be read at all", "Is /proc mounted with hidepid? Run as root or give CAP_SYS_PTRACE."},
		{model.AspectExe, "processes hide which program they run", "Run as root or give CAP_SYS_PTRACE; one that holds more capabilities than the exporter stays closed."},
		{model.AspectCgroup, "processes could not be read in full (user, cgroup)", "Run as root or give CAP_SYS_PTRACE."},
		{model.AspectFd, "processes hide which sockets they own", "Run as root or give CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH."},
		{model.AspectTemp, "directories could not be searched", "Run as root or give CAP_DAC_READ_SEARCH."},
		{model.AspectPersistence, "files that start programs could not be read", "Run as root or give CAP_DAC_READ_SEARCH, and CAP_SYS_PTRACE for those of users' homes."},
		{model.AspectSubmissionLog, "logs of submissions to services could not be read", "The findings about these services say why."},
		{model.AspectNetns, "socket tables could not be read", "Is --path.procfs the host's?"},
	} {
		share := shares[lack.aspect]
		if missing := share.Total - share.Readable; missing > 0 {
			sentences = append(sentences, fmt.Sprintf("%d of %d %s. %s", missing, share.Total, lack.what, lack.mend))
		}
	}
	return sentences
}

// Defects returns a sentence for each component that had a panic.
func Defects(panics map[string]uint64) []string {
	var sentences []string
	for _, component := range slices.Sorted(maps.Keys(panics)) {
		if count := panics[component]; count > 0 {
			sentences = append(sentences, fmt.Sprintf(
				"%d times a defect of the exporter ended the work of %s. Please report it with the line of the log that says so.", count, component))
		}
	}
	return sentences
}
