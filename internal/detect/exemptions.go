package detect

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

const (
	dormantAge   = 10 * time.Minute // as DefaultHold: nobody is warned for less
	dormantCores = 0.01             // over its whole life, and now
	setUpSeconds = 5                // of CPU; to set a container up takes less than one
)

// buildTools run what they have just built from a temporary directory.
func buildTools() []string {
	return []string{
		"go", "cargo", "rustc", "bazel", "make", "gmake", "ninja", "cmake", "ctest", "meson", "gcc", "g++", "clang", "cc",
		"pip", "pip3", "uv", "npm", "yarn", "pnpm", "mvn", "gradle", "dpkg", "apt", "apt-get", "rpm", "dnf", "configure",
	}
}

// containerTools run from a copy of themselves in memory (CVE-2019-5736) while
// they set a container up.
func containerTools() []string {
	return []string{"runc", "crun", "youki", "containerd-shim-runc-v2", "containerd", "dockerd", "podman", "conmon", "buildah"}
}

// buildScripts are package tools that are programs of an interpreter: they are
// known by what the interpreter was started with.
func buildScripts() []string {
	return []string{"pip", "pip3", "npm", "npx", "yarn", "pnpm", "conan", "scons", "meson", "tox", "nox", "pytest", "poetry", "hatch", "flit", "build", "uv"}
}

// buildClasses are the main classes of the Java build tools.
func buildClasses() []string {
	return []string{"org.codehaus.plexus.classworlds.launcher.Launcher", "org.gradle.launcher.daemon.bootstrap.GradleDaemon", "org.gradle.wrapper.GradleWrapperMain", "org.gradle.launcher.GradleMain", "xsbt.boot.Boot"}
}

// exempt returns why a process that looks suspicious is expected, and by which
// exemption, or "". A tool must really be an ancestor, lie where only its owner or
// root installs, and belong to the same user. An exemption lowers a finding and
// never silences it.
func (l *lineage) exempt(p *model.Process) (why string, kind model.Exemption) {
	for _, allow := range l.allow {
		if allow.Matches(p) {
			return "it is on the allow list of the configuration", model.ExemptAllowList
		}
	}
	if p.Origin == model.OriginMemfd && p.CPUSeconds < setUpSeconds && isSettingUp(p) {
		return "a container runtime runs from a copy of itself", model.ExemptContainerRuntime
	}
	if strings.HasPrefix(p.Exe, "/tmp/.mount_") && p.Parent != nil && installed(p.Parent) && p.Parent.User == p.User {
		return "an AppImage unpacks itself there", model.ExemptAppImage
	}
	for a := p.Parent; a != nil; a = a.Parent {
		if a.User != p.User || !installed(a) {
			continue
		}
		if tool := l.buildTool(a, p); tool != "" {
			return fmt.Sprintf("%s (pid %d) built and started it", quote(tool), a.PID), model.ExemptBuildTool
		}
	}
	return "", ""
}

// buildTool returns the name of the build tool that an ancestor of p is, or "".
func (l *lineage) buildTool(a *model.Ancestor, p *model.Process) string {
	if name := path.Base(a.Exe); slices.Contains(buildTools(), name) {
		return a.Exe
	}
	// npm writes its own title over its arguments. Whoever came in by an exposed service could
	// do so too.
	if title, _, _ := strings.Cut(a.Comm, " "); slices.Contains([]string{"npm", "npx", "yarn", "pnpm"}, title) && isNode(a.Exe) && l.entryAncestor(p) == nil {
		return a.Comm
	}
	living, ok := l.byIdentity[a.Identity]
	if !ok {
		return ""
	}
	if script := path.Base(living.Script); living.Script != "" && !place.IsTemporary(living.Script) && slices.Contains(buildScripts(), strings.TrimSuffix(strings.TrimSuffix(script, ".js"), "-cli")) {
		return living.Script
	}
	for i, argument := range living.Argv {
		if argument == "-m" && i+1 < len(living.Argv) && strings.HasPrefix(path.Base(a.Exe), "python") && slices.Contains(buildScripts(), living.Argv[i+1]) {
			return "python -m " + living.Argv[i+1]
		}
		if path.Base(a.Exe) == "java" && slices.Contains(buildClasses(), argument) {
			return argument
		}
	}
	return ""
}

func isNode(exe string) bool {
	return slices.Contains([]string{"node", "nodejs", "bun"}, path.Base(exe))
}

// isSettingUp holds for a program in memory that a container tool started, or
// that such a program started.
func isSettingUp(p *model.Process) bool {
	for a := p.Parent; a != nil; a = a.Parent {
		if a.Origin != model.OriginMemfd {
			return installed(a) && slices.Contains(containerTools(), path.Base(a.Exe))
		}
	}
	return false
}

// dormant holds for a program in memory that all but never ran: agents and
// container runtimes keep such copies of themselves (CVE-2019-5736). A miner
// burns, and one that waits for its guardian is known by the guardian.
func dormant(instances []*model.Process, now time.Time) bool {
	for _, p := range instances {
		age := now.Sub(p.Started)
		if p.Origin != model.OriginMemfd || age < dormantAge || p.CPUSeconds > dormantCores*age.Seconds() || p.Cores > dormantCores {
			return false
		}
	}
	return true
}

func installed(a *model.Ancestor) bool {
	return a.Origin == model.OriginSystem || a.Origin == model.OriginLocal || a.Origin == model.OriginHome
}
