package detect

import (
	"fmt"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

const gpuBusy = 0.5 // engines, over a minute

// gpuAccess holds for a program that holds a GPU for computing, or keeps one busy,
// and runs from where no program belongs, or came in by an exposed service
// (T1496.001). What draws holds a GPU too: that is noted. So is what people try out at
// a terminal, what a build tool runs and an AppImage: this evidence rests on the place,
// which is expected there. So are scripts from such a place, and a program that a web
// server might have been given. A training job runs from a home, from the system or in
// a container, and gives no cause.
func gpuAccess(v *view) (string, strength) {
	p := v.process
	if !holdsGPU(p) {
		return "", absent
	}
	evidence := fmt.Sprintf("It holds %s open%s, and runs from %s.", quote(strings.Join(p.GPU.Devices, ", ")), gpuWork(p.GPU), where(p))
	computes := p.GPU.Compute || p.GPU.Busy >= gpuBusy && p.GPU.BusySpan >= sustainedSpan
	switch {
	case v.isMisplaced() && computes && !v.placeIsExpected():
		return evidence, strong
	case v.isMisplaced():
		return evidence, weak
	case computes:
		if entry, open := v.lineage.OpenEntry(p); open {
			return evidence + " " + entry.Evidence, strong
		}
	}
	switch {
	case p.Script != "" && (place.IsTemporary(p.Script) || place.IsHidden(p.Script)):
		return evidence, weak
	case p.Isolation == model.IsolationHost && (p.Origin == model.OriginWeb || p.Origin == model.OriginOther):
		return evidence, weak
	}
	return "", absent
}

func holdsGPU(p *model.Process) bool { return p.GPU != nil && len(p.GPU.Devices) > 0 }

// isMisplaced tells whether a program runs from where none belongs, as the rules about
// its place say.
func (v *view) isMisplaced() bool {
	for _, holds := range []func(subject) (string, strength){memfd, deleted, hiddenPath, runsFromTemp, privatePath} {
		if _, found := holds(v.subject); found == strong {
			return true
		}
	}
	return false
}

// placeIsExpected tells whether a program from an unusual place is honest work by what
// stands above it.
func (v *view) placeIsExpected() bool {
	_, exemption := v.lineage.Exempt(v.process)
	return exemption == model.ExemptTerminal || exemption == model.ExemptBuildTool || exemption == model.ExemptAppImage
}

// where says what a process runs, its script if that is what tells.
func where(p *model.Process) string {
	if p.Script != "" && !p.Origin.Suspicious() {
		return "the script " + quote(p.Script)
	}
	return quote(p.Subject())
}

// gpuWork says how much a process uses GPUs, if their drivers tell.
func gpuWork(use *model.GPUUse) string {
	if use.Seconds < 0.1 {
		return ""
	}
	work := fmt.Sprintf(", kept it busy for %.1f s", use.Seconds)
	if use.BusySpan >= 10*time.Second {
		work += fmt.Sprintf(" (%.0f %% of the last %.0f s)", 100*use.Busy, use.BusySpan.Seconds())
	}
	return work
}

func factGPU(v *view) string {
	use := v.process.GPU
	switch {
	case v.snapshot.Processes.GPU == nil:
		return "This host has no device node of a GPU."
	case use == nil:
		return "It was not seen to hold a GPU open."
	case use.Unread != "":
		return fmt.Sprintf("Its open files could not be read: %s.", use.Unread)
	default:
		return fmt.Sprintf("It holds %s open%s, and runs from %s, where programs belong.", quote(strings.Join(use.Devices, ", ")), gpuWork(use), where(v.process))
	}
}
