package report

import "github.com/cryptojack-exporter/cryptojack_exporter/internal/model"

// sources returns a sentence for each source of the kernel that is not there: what that
// costs, and what would give it.
func (r *Report) sources() []string {
	var sentences []string
	if s := r.Snapshot.Processes; s != nil && s.Sources != nil {
		for _, source := range model.Sources() {
			if words := sourceLack(source); !s.Sources[source] && words != "" {
				sentences = append(sentences, words)
			}
		}
	}
	if s := r.Snapshot.Files; s != nil && !s.Watching {
		sentences = append(sentences, "inotify does not tell of the watched directories: what is put there and taken away again before the next look is not seen.")
	}
	return sentences
}

func sourceLack(source model.Source) string {
	switch source {
	case model.SourcePoll:
		return "/proc is not read."
	case model.SourceConnector:
		return "The kernel does not tell of forks, execs and exits (proc_connector): processes that live shorter than a sample are not seen. Run as root or give CAP_NET_ADMIN, in the host's first pid and network namespace."
	case model.SourceTaskstats:
		return "The kernel does not tell what each process used that ends (taskstats): CPU time of short processes counts for their parents. Run as root or give CAP_NET_ADMIN."
	case model.SourceTaskIterator:
		return "The kernel's own list of processes is not read (task_iterator): what hides in /proc has no name. Run as root or give CAP_BPF and CAP_PERFMON, on Linux 5.8 or later with BTF."
	default:
		return ""
	}
}
