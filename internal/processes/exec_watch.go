package processes

import (
	"sync/atomic"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/inspect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/processes/procdir"
)

const (
	// watchTime is how long the arguments of a program that has just begun are waited for, and watchStuck how many
	// such reads may hang: events wait meanwhile.
	watchTime  = 20 * time.Millisecond
	watchStuck = 8
	// argumentsPerSecond is of how many programs that show nothing else the arguments are read. Those of the system,
	// of which most begin, get half of it.
	argumentsPerSecond = 100
	argumentsAtOnce    = 400
	// placeTime is how long a program must live to be looked at for its place alone: what compilers try out ends sooner.
	placeTime = 600 * time.Millisecond
	// contentPerSecond is how many bytes of programs of interest from suspicious places are read when they begin: their
	// files may be deleted at once. It is less than 1 % of a core.
	contentPerSecond = 2 << 20
	contentAtOnce    = hostfs.HashLimit
	contentTime      = 5 * time.Second
	contentReaders   = 2
	// maxLater bounds the programs that are waited for so.
	maxLater = 4096
)

// execWatch looks at each program when it begins, and has a sample taken at once if there is cause for it. It is used
// by the goroutine of the proc connector.
type execWatch struct {
	reader    *procdir.Reader
	interest  func(*model.Process) model.Interest
	waker     *waker
	guard     *hostfs.Guard // of the reads of arguments
	patience  time.Duration // that each is waited for
	arguments allowance     // how many may be read
	later     atomic.Int32  // programs that are waited for
	contents  *hostfs.ContentCache
	content   allowance // bytes that may be read
	readers   *hostfs.Guard
}

func newExecWatch(reader *procdir.Reader, interest func(*model.Process) model.Interest, waker *waker, contents *hostfs.ContentCache) *execWatch {
	return &execWatch{
		reader: reader, interest: interest, waker: waker, contents: contents,
		guard: hostfs.NewGuard(watchStuck), patience: watchTime, arguments: newAllowance(argumentsPerSecond, argumentsAtOnce),
		readers: hostfs.NewGuard(contentReaders), content: newAllowance(contentPerSecond, contentAtOnce),
	}
}

// look fills in what a process was started with, as far as the budget goes, and says how much it asks to be looked at.
func (w *execWatch) look(process *model.Process) model.Interest {
	interest := w.interest(process)
	if interest == model.InterestKnown {
		w.readArguments(process) // for people
		return interest
	}
	now := w.waker.now()
	if interest == model.InterestNone && process.Origin == model.OriginSystem && !w.arguments.has(argumentsAtOnce/2+1, now) || !w.arguments.take(1, now) {
		return interest
	}
	w.readArguments(process)
	if len(process.Argv) == 0 {
		return interest
	}
	return w.interest(process)
}

// lookAt does it for a program whose arguments are known. If there are more of them, they are read as the budget goes.
func (w *execWatch) lookAt(process *model.Process, truncated bool) model.Interest {
	interest := w.interest(process)
	if truncated && interest == model.InterestNone && w.arguments.take(1, w.waker.now()) {
		w.readArguments(process)
		interest = w.interest(process)
	}
	return interest
}

func (w *execWatch) readArguments(process *model.Process) {
	pid, exe := process.PID, process.Exe
	type started struct {
		argv   []string
		script string
	}
	found, err := hostfs.Within(w.guard, w.patience, func() (started, error) {
		argv, err := w.reader.Argv(pid)
		if err != nil {
			return started{}, err
		}
		return started{argv, inspect.Script(exe, argv, w.reader.Surroundings(pid))}, nil
	})
	if err == nil {
		process.Argv, process.Script = found.argv, found.script
	}
}

// react has a sample taken. What shows nothing but its place is waited for: it must live for a moment.
func (w *execWatch) react(process *model.Process, interest model.Interest, stillRuns func() bool) {
	switch {
	case interest == model.InterestNone:
	case interest != model.InterestPlace:
		w.waker.askFor(process, interest)
	case w.later.Load() >= maxLater:
		w.waker.putOff()
	default:
		w.later.Add(1)
		w.waker.after(placeTime, func() {
			w.later.Add(-1)
			if stillRuns() {
				w.waker.askFor(process, interest)
			}
		})
	}
}

// readContent reads what a program from a suspicious place is, unless that is known, and calls known then. The file is
// opened while the process lives, as far as that goes: what begins now may have deleted it a moment later. What is not
// read here is left to the next sample.
func (w *execWatch) readContent(pid int, i *image, known func(hostfs.Content)) {
	if !i.origin.Suspicious() || i.Content == (hostfs.ContentKey{}) {
		return
	}
	if content, ok := w.contents.Get(i.Content); ok {
		known(content)
		return
	}
	if w.readers.Stuck() >= contentReaders || !w.content.take(float64(min(i.Content.Size, hostfs.HashLimit)), w.waker.now()) {
		return
	}
	name := w.reader.Path(pid, "exe")
	go func() { // nothing in it can panic but the read, and that is caught
		content, err := hostfs.Within(w.readers, contentTime, func() (hostfs.Content, error) { return w.contents.Read(name, i.Content) })
		if err == nil {
			known(content)
		}
	}()
}
