package hostfs

import (
	"bytes"
	"iter"
	"slices"
	"strings"
)

// maxMountsBytes is how much is read of a list of mounts: 20,000 mounts.
const maxMountsBytes = 4 << 20

// Mount is one line of mountinfo (proc_pid_mountinfo(5)).
type Mount struct {
	Device string // MAJOR:MINOR of the file system
	Root   string // the directory of the file system that is shown
	Point  string // where it is shown
	Kind   string // the type of the file system
	Super  string // its options
}

// Mounts reads a mountinfo file. A line that cannot be parsed is skipped, so that it
// does not hide the rest.
func Mounts(name string) (iter.Seq[Mount], error) {
	content, err := ReadStart(name, maxMountsBytes)
	if err != nil {
		return nil, err
	}
	return func(yield func(Mount) bool) {
		for line := range bytes.Lines(content) {
			if m, ok := parseMount(string(line)); ok && !yield(m) {
				return
			}
		}
	}, nil
}

// parseMount reads `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [OPTIONAL]... - TYPE SOURCE OPTIONS`. One blank is between
// two fields and nothing else is: names hold any other space (a carriage return, those of Unicode), and a source may be
// empty.
func parseMount(line string) (Mount, bool) {
	fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	if len(fields) < 5 {
		return Mount{}, false
	}
	m := Mount{Device: fields[2], Root: unescape(fields[3]), Point: unescape(fields[4])}
	const optional = 6 // the first that may be there, before the dash
	if len(fields) < optional {
		return m, true
	}
	if i := slices.Index(fields[optional:], "-"); i >= 0 {
		behind := fields[optional+i+1:]
		if len(behind) > 0 {
			m.Kind = unescape(behind[0])
		}
		if len(behind) > 2 {
			m.Super = unescape(behind[2])
		}
	}
	return m, true
}

// unescape undoes how the kernel writes blanks in paths (mangle_path in fs/seq_file.c).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// HidesOthers tells whether a mount is a procfs in which users see no processes but their
// own (hidepid of proc(5)).
func (m *Mount) HidesOthers() bool {
	for option := range strings.SplitSeq(m.Super, ",") {
		if value, ok := strings.CutPrefix(option, "hidepid="); ok && value != "0" && value != "off" {
			return m.Kind == "proc"
		}
	}
	return false
}
