package processes

import (
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/kernel/taskevents"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
)

const (
	// knownFor is after how long the path of a known program is read again: a directory above it may have another name.
	knownFor = time.Minute
	// maxKnown is how many programs are known at once (MAX_KNOWN of events.bpf.c), maxArguments how many arguments.
	maxKnown     = 1024
	maxArguments = 512
)

// knownPrograms are those that have begun before: the same file, by the same name and through the same mount. The kernel
// wakes nobody up for those of no interest. They are used by the goroutine that reads the notes.
type knownPrograms struct {
	know, forget func(*taskevents.Program) error
	now          func() time.Time
	programs     map[taskevents.Program]*knownProgram
	split        map[string][]string
}

type knownProgram struct {
	image *image
	until time.Time
}

func newKnownPrograms(know, forget func(*taskevents.Program) error) *knownPrograms {
	return &knownPrograms{know: know, forget: forget, now: time.Now, programs: map[taskevents.Program]*knownProgram{}, split: map[string][]string{}}
}

// find returns the program that begins if it is known. After a while the kernel is told to wake us up for the next one.
func (k *knownPrograms) find(e *taskevents.Event) *image {
	if !e.Known {
		return nil
	}
	found := k.programs[e.Program]
	if found == nil {
		return nil
	}
	if k.now().After(found.until) {
		_ = k.forget(&e.Program) // it can only fail if it is forgotten already
	}
	return found.image
}

// stale returns what a program was a while ago, or nil.
func (k *knownPrograms) stale(e *taskevents.Event) *image {
	if found := k.programs[e.Program]; found != nil {
		return found.image
	}
	return nil
}

// learn remembers a program of no interest, if what was read of it is the file that began.
func (k *knownPrograms) learn(e *taskevents.Event, found *image, interest model.Interest) {
	changed := time.Duration(found.Content.Ctime.Nano())
	if interest != model.InterestNone || found.origin.Suspicious() || found.Deleted ||
		e.Program.Changed == 0 || e.Program.Changed != changed || e.Program.Inode != found.Content.Inode {
		return
	}
	if len(k.programs) >= maxKnown {
		for program := range k.programs {
			_ = k.forget(&program)
		}
		clear(k.programs)
	}
	if k.know(&e.Program) == nil { // else it is looked at each time
		k.programs[e.Program] = &knownProgram{found, k.now().Add(knownFor)}
	}
}

// arguments splits them. Most programs are started with the same ones again and again.
func (k *knownPrograms) arguments(content []byte) []string {
	if len(content) == 0 {
		return nil
	}
	if argv, ok := k.split[string(content)]; ok {
		return argv
	}
	if len(k.split) >= maxArguments {
		clear(k.split)
	}
	argv := inspect.SplitArguments(content)
	k.split[string(content)] = argv
	return argv
}
