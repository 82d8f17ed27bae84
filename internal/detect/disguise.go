package detect

import (
	"fmt"
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/secrets"
)

// hiddenProcess holds for a process that the tools of this host cannot see: they all look into /proc. A mount hides it
// (T1564.013), or a rootkit does (T1014).
func hiddenProcess(of subject) (string, strength) {
	p := of.process
	var evidence string
	switch p.Hiding {
	case "":
		return "", absent
	case model.HiddenByMount:
		evidence = fmt.Sprintf("It is hidden: %s is mounted over /proc/%d.", quote(p.HiddenBy), p.PID)
	case model.HiddenDirectory:
		evidence = fmt.Sprintf("It is hidden: the kernel runs it, and there is no directory /proc/%d that can be opened.", p.PID)
	case model.HiddenListing:
		evidence = fmt.Sprintf("It is hidden: the kernel runs it, and the list of /proc leaves out %d.", p.PID)
	}
	if p.Exe == "" && p.ExeFile != (model.FileID{}) {
		evidence += fmt.Sprintf(" Its program is the file with %s.", p.ExeFile)
	}
	return evidence, strong
}

// kernelThreadName holds for a program that calls itself a kernel thread: in
// brackets, as ps(1) writes those, or by the name of one (T1036.004). The kernel
// marks its own threads (PF_KTHREAD), and they have no executable.
func kernelThreadName(of subject) (string, strength) {
	p := of.process
	if p.Origin == model.OriginUnreadable {
		return "", absent
	}
	for _, name := range []string{p.Comm, p.FirstArgument(), programs.Base(p.Exe)} {
		if isBracketed(name) || of.names.IsKernelThread(name) {
			return fmt.Sprintf("It calls itself %s as a thread of the kernel does, but runs the program %s.", quote(name), quote(p.Exe)), strong
		}
	}
	return "", absent
}

// isBracketed tells "[kworker/0:1]" from the titles of programs, which have spaces.
func isBracketed(name string) bool {
	return len(name) > 2 && strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") && !strings.ContainsAny(name, " \t")
}

// lookalikeName holds for a program outside of the system's directories that has
// nearly the name of a kernel thread, or nearly or just the name of a part of the
// system (T1036.005). An administrator may install a newer sshd of the same name, and
// people install tools whose names are only a letter off: those are noted. Servers
// that people build and run themselves count only where no program belongs, and
// only if the name is not quite theirs.
func lookalikeName(of subject) (string, strength) {
	p := of.process
	switch p.Origin {
	case model.OriginSystem, model.OriginUnreadable, model.OriginKernel:
		return "", absent
	}
	names := []string{programs.Base(p.Exe)}
	if p.Comm != names[0] && p.Script == "" {
		names = append(names, p.Comm)
	}
	noted := ""
	for _, name := range names {
		if of.names.IsKernelThread(name) || p.Origin == model.OriginLocal && of.names.IsSystemProgram(name) {
			continue // the first is kernelThreadName's
		}
		like := of.names.Lookalike(name, p)
		if like.Of == "" {
			continue
		}
		evidence := fmt.Sprintf("Its name %s looks like %s, but it runs from %s.", quote(name), like.Of, quote(path.Dir(p.Exe)))
		if !like.Plain {
			return evidence, strong
		}
		noted = evidence
	}
	if noted != "" {
		return noted, weak
	}
	return "", absent
}

// forgedArguments holds for a process that has wiped its arguments, or that shows
// those of a program of the system and is another (T1036.011). What a program of
// the system itself does to its title is only noted. A link that root made is no
// other program: /usr/bin/c++ of a chroot, or /usr/bin/python that leads to /data.
func forgedArguments(of subject) (string, strength) {
	p := of.process
	installed := p.Origin == model.OriginSystem || p.Origin == model.OriginLocal
	if p.ArgvErased {
		if p.Origin == model.OriginSystem {
			return "It has wiped its arguments.", weak
		}
		return "It has wiped its arguments.", strong
	}
	first := p.FirstArgument()
	if installed || p.ArgvIsExe || first == "" || p.Exe == "" || p.Origin == model.OriginUnreadable || p.Isolation == model.IsolationContainer {
		return "", absent
	}
	title, _, _ := strings.Cut(first, " ") // "nginx: worker process" is one argument
	shown := strings.TrimPrefix(programs.Base(strings.TrimSuffix(title, ":")), "-")
	if shown == programs.Base(p.Exe) {
		return "", absent
	}
	loginShell := strings.HasPrefix(first, "-") && programs.IsShell(first) // only a login gives such a name
	if isSystemPath(first) || p.Origin.Suspicious() && (loginShell || of.names.IsSystem(shown)) {
		return fmt.Sprintf("It shows %s as its program and runs %s.", quote(secrets.Line(first)), quote(p.Exe)), strong
	}
	return "", absent
}

func isSystemPath(name string) bool {
	for _, directory := range []string{"/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/bin/", "/sbin/", "/lib/"} {
		if strings.HasPrefix(name, directory) {
			return true
		}
	}
	return false
}

// preloadedLibrary holds for a process into which a library from a suspicious
// place was put (LD_PRELOAD and LD_AUDIT of ld.so(8), T1574.006): so it hides from others.
func preloadedLibrary(of subject) (string, strength) {
	if of.process.Inspection == nil {
		return "", absent
	}
	for _, library := range strings.FieldsFunc(of.process.Inspection.Preload, func(r rune) bool { return r == ':' || r == ' ' }) {
		if strings.HasPrefix(library, "/") && (place.IsTemporary(library) || place.IsHidden(library)) {
			return "It was started with the library " + quote(library) + " (LD_PRELOAD or LD_AUDIT).", strong
		}
	}
	return "", absent
}

// packedExecutable holds for a program that unpacks itself in memory (UPX,
// T1027.002). From an installed place it is only noted, as is one that was made
// to tell little: without symbols, and linked statically.
func packedExecutable(of subject) (string, strength) {
	look := of.process.Inspection
	switch {
	case look == nil:
		return "", absent
	case look.Packed && of.process.Origin.Suspicious():
		return "Its file is packed by UPX.", strong
	case look.Packed:
		return "Its file is packed by UPX.", weak
	case look.Static && of.process.Origin.Suspicious():
		return "Its file is linked statically and has no symbols.", weak
	default:
		return "", absent
	}
}
