package detect

import (
	"fmt"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// What was seen where a check does not hold, for a person who asks why.

func factHash(v *view) string {
	if v.process.SHA256 == "" {
		return "Its content was not read."
	}
	return fmt.Sprintf("Its content (SHA-256 %s) is not on the list, which has %d entries.", v.process.SHA256, v.policy.KnownHashes())
}

func factName(v *view) string {
	return fmt.Sprintf("It is called %s, and its program is %s.", quote(v.process.Comm), quote(v.process.Exe))
}

func factArguments(v *view) string {
	if look := v.process.Inspection; look != nil && look.Unread[model.PartArguments] != "" {
		return fmt.Sprintf("Its arguments could not be read: %s.", look.Unread[model.PartArguments])
	}
	if len(v.process.Argv) == 0 {
		return "It has no arguments."
	}
	return "Its arguments are " + quote(strings.Join(secrets.Arguments(v.process.Argv), " ")) + "."
}

func factPlace(v *view) string {
	return fmt.Sprintf("It runs from %s (%s).", quote(v.process.Exe), v.process.Origin)
}

func factDeleted(v *view) string {
	switch {
	case v.process.ExeDeleted && v.process.ExeReplaced:
		return "Its file was replaced by another, as by an upgrade or a build."
	case v.process.ExeDeleted:
		return "Its file was deleted, and did not lie where everybody may write."
	default:
		return "Its file still has its name."
	}
}

func factScript(v *view) string {
	if v.process.Script == "" {
		return "It runs no script."
	}
	return fmt.Sprintf("It runs the script %s and uses %.1f cores.", quote(v.process.Script), v.cores(v.process))
}

func factSource(v *view) string {
	if v.process.ExeSource == "" {
		return "Its program has the same path for everybody, or belongs to a container."
	}
	return fmt.Sprintf("Its mount namespace shows %s as %s.", quote(v.process.ExeSource), quote(v.process.Exe))
}

func factHidden(*view) string { return "Nothing hides it in /proc." }

// looked is what an inspection says of a part, or why it cannot say.
func looked(v *view, part model.InspectionPart, say func() string) string {
	look := v.process.Inspection
	if look == nil {
		return "It was not looked at closely: it uses little CPU and runs from a usual place."
	}
	if reason, ok := look.Unread[part]; ok {
		return fmt.Sprintf("Its %s could not be read: %s.", part, reason)
	}
	return say()
}

func factPreload(v *view) string {
	return looked(v, model.PartEnvironment, func() string {
		if v.process.Inspection.Preload == "" {
			return "It was started without LD_PRELOAD and LD_AUDIT."
		}
		return "It was started with LD_PRELOAD or LD_AUDIT=" + quote(v.process.Inspection.Preload) + "."
	})
}

func factLibrary(v *view) string {
	return looked(v, model.PartMemoryMap, func() string {
		return "All libraries that are mapped into it lie where libraries are installed, or it has used little CPU."
	})
}

func factPacked(v *view) string {
	return looked(v, model.PartProgram, func() string { return "Its program is not packed." })
}

func factMemory(v *view) string {
	return looked(v, model.PartMemoryMap, func() string { return "No contiguous memory of it has the size of RandomX's dataset or cache." })
}

func factConnections(v *view) string {
	if v.snapshot.Sockets == nil {
		return "Connections are not looked at (--no-collector.sockets)."
	}
	connections := v.snapshot.Sockets.ConnectionsOf(v.process.Identity)
	if len(connections) == 0 {
		return "It has no connection, or gave no cause to look for any."
	}
	oldest := v.now
	var remotes []string
	for _, connection := range connections {
		remotes = append(remotes, connection.Remote.String())
		if connection.Since.Before(oldest) {
			oldest = connection.Since
		}
	}
	return fmt.Sprintf("It is connected to %s, for %s at most as far as seen; none is known as a pool.",
		quote(strings.Join(remotes, ", ")), text.Duration(max(0, v.now.Sub(oldest)).Round(time.Second)))
}

func factMSR(v *view) string {
	return looked(v, model.PartOpenFiles, func() string { return "It has no /dev/cpu/*/msr open, or uses little CPU." })
}

func factHugePages(v *view) string {
	return looked(v, model.PartHugePages, func() string { return fmt.Sprintf("It uses %d KiB of huge pages.", v.process.Inspection.HugePagesKiB) })
}

func factThreads(v *view) string {
	return looked(v, model.PartThreads, func() string {
		return fmt.Sprintf("Of its %d threads none, or only one, used as much CPU as the busiest.", v.process.Threads)
	})
}

// instanceFacts are about the rules that look at all instances of a program, or at
// the past.
func instanceFacts() map[string]func(*view) string {
	return map[string]func(*view) string{
		rules.SustainedCPU: func(v *view) string {
			load := v.loadOf(v.process)
			if load.Cores > v.process.Cores {
				return fmt.Sprintf("It used %.2f cores over %s%s.", load.Cores, text.Duration(load.Span), processesOf(&load))
			}
			return fmt.Sprintf("It used %.2f cores over %s.", v.process.Cores, text.Duration(v.process.CoresSpan))
		},
		rules.ThrottledCPU: func(v *view) string {
			return fmt.Sprintf("It used %.2f cores without much change for %s.", v.process.ConstantCores, text.Duration(v.process.ConstantSpan))
		},
		rules.Respawn: func(v *view) string {
			return fmt.Sprintf("Its program came back %s.", times(int(v.lineage.History(v.process).Count)))
		},
		rules.OpenEntry: func(v *view) string {
			if entry := v.lineage.EntryAncestor(v.process); entry != nil {
				return fmt.Sprintf("It descends from %s (pid %d), which is not known to let anybody in, or it uses little CPU, or it belongs to it.", quote(entry.Exe), entry.PID)
			}
			return "It descends from no service that others reach."
		},
		rules.Guardian:        func(*view) string { return "It is not known to keep a suspect alive." },
		rules.StartedByItself: func(*view) string { return "Nothing that starts programs by itself names it." },
	}
}
