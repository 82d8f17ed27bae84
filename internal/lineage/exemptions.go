package lineage

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

const (
	dormantAge   = 10 * time.Minute // as tracker.DefaultHold: nobody is warned for less
	dormantCores = 0.01             // over its whole life, and now
	setUpSeconds = 5                // of CPU; to set a container up takes less than one
)

// firstUser is the lowest uid of people (UID_MIN of login.defs(5)); services have lower ones.
const firstUser = 1000

// buildTools run what they have just built from a temporary directory.
func buildTools() []string {
	return []string{
		"go", "cargo", "rustc", "bazel", "make", "gmake", "ninja", "cmake", "ctest", "meson", "gcc", "g++", "clang", "cc",
		"pip", "pip3", "uv", "npm", "yarn", "pnpm", "mvn", "gradle", "configure", "buck2", "zig", "dotnet", "swift", "stack", "cabal", "dune", "opam", "nix", "nix-daemon",
	}
}

// packageTools run scripts of packages as root.
func packageTools() []string {
	return []string{"dpkg", "apt", "apt-get", "rpm", "dnf", "yum", "zypper", "pacman", "apk"}
}

// buildScripts are build tools, and schedulers of jobs, that are programs of an
// interpreter: they are known by what the interpreter was started with.
func buildScripts() []string {
	return []string{
		"pip", "pip3", "npm", "npx", "yarn", "pnpm", "conan", "scons", "meson", "tox", "nox", "pytest", "poetry", "hatch", "flit", "build", "uv",
		"airflow", "celery", "prefect", "dagster", "luigi", "snakemake", "spark-submit", "dask", "dask-worker",
	}
}

// buildClasses are the main classes of the Java build tools, and of Spark's workers.
func buildClasses() []string {
	return []string{
		"org.codehaus.plexus.classworlds.launcher.Launcher", "org.gradle.launcher.daemon.bootstrap.GradleDaemon", "org.gradle.wrapper.GradleWrapperMain",
		"org.gradle.launcher.GradleMain", "xsbt.boot.Boot", "org.apache.spark.deploy.SparkSubmit", "org.apache.spark.deploy.worker.Worker",
		"org.apache.spark.executor.CoarseGrainedExecutorBackend",
	}
}

// containerTools run from a copy of themselves in memory (CVE-2019-5736) while
// they set a container up.
func containerTools() []string {
	return []string{
		"runc", "crun", "youki", "containerd-shim-runc-v2", "containerd-shim", "containerd", "dockerd", "podman", "conmon", "buildah", "nerdctl",
		"k3s", "k0s", "rke2", "kubelite", "lxc-attach", "lxc-start", "lxc-execute", "lxd", "incusd",
	}
}

// Exempt returns why a process that looks suspicious is expected, and by which
// exemption, or "". An exemption lowers a finding and never silences it.
func (l *Lineage) Exempt(p *model.Process) (why string, kind model.Exemption) {
	if allow := policy.Allowed(l.allow, p); allow != nil {
		return allow.Why(), model.ExemptAllowList
	}
	switch {
	case p.Origin == model.OriginMemfd && p.CopyOf != "":
		return "it runs from a copy of " + text.Label(p.CopyOf) + " in memory", model.ExemptContainerRuntime
	case p.Origin == model.OriginMemfd && p.CPUSeconds < setUpSeconds && l.isSettingUp(p):
		return "a container runtime runs from a copy of itself", model.ExemptContainerRuntime
	case isAppImage(p) && l.Unguarded(p, model.Identity{}) == nil:
		return "an AppImage shows its files there", model.ExemptAppImage
	}
	if a, tool := l.toolAbove(p); a != nil {
		return fmt.Sprintf("%s (pid %d) built and started it", text.Label(tool), a.PID), model.ExemptBuildTool
	}
	if leader := l.terminal(p); leader != nil {
		return fmt.Sprintf("user %s works at a terminal, in %s (pid %d)", text.Label(p.User), text.Label(leader.Subject()), leader.PID), model.ExemptTerminal
	}
	return "", ""
}

// Lowers tells whether what is expected lowers such evidence. Work in unusual places
// that burns is often honest; what mines, hides, comes back, is known or came in by an
// exposed service is not: only the user's own allow list lowers that.
func Lowers(exemption model.Exemption, kinds map[model.Family]bool) bool {
	for kind := range kinds {
		switch {
		case exemption == model.ExemptAllowList, kind == model.FamilyPlace:
		case kind == model.FamilyLoad && exemption != model.ExemptContainerRuntime: // nothing is set up for a minute
		default:
			return false
		}
	}
	return true
}

// toolAbove returns the build tool, package tool or scheduler that a process descends
// from, and what it is called. It must live, lie where nobody else installs programs,
// and belong to the same user; and no stranger may have come in between it and the
// process, or above it: whoever runs code in a service can run make(1) too.
func (l *Lineage) toolAbove(p *model.Process) (*model.Ancestor, string) {
	ended := l.living(p.Identity) == nil
	for a := p.Parent; a != nil; a = a.Parent {
		living := l.living(a.Identity)
		if living == nil && ended && isEndedTool(a, p) && l.Unguarded(p, a.Identity) == nil {
			return a, a.Exe
		}
		if living == nil || a.User != p.User || !isInstalled(living) {
			continue
		}
		if tool := toolOf(living); tool != "" && l.Unguarded(p, a.Identity) == nil {
			return a, tool
		}
	}
	return nil, ""
}

// isEndedTool tells whether an ancestor of a process that has ended was a build tool: it may have ended meanwhile, so
// that its file is not known any more. Of a process that lives, its tool must live too.
func isEndedTool(a *model.Ancestor, p *model.Process) bool {
	return a.User == p.User && (a.Origin == model.OriginSystem || a.Origin == model.OriginLocal) && slices.Contains(buildTools(), path.Base(a.Exe))
}

// toolOf returns the name of the tool that a process is, or "".
func toolOf(p *model.Process) string {
	base := path.Base(p.Exe)
	if slices.Contains(buildTools(), base) || p.UID == 0 && slices.Contains(packageTools(), base) {
		return p.Exe
	}
	// npm and Airflow write titles of their own over their name and arguments.
	if title, _, _ := strings.Cut(p.Comm, " "); slices.Contains([]string{"npm", "npx", "yarn", "pnpm"}, title) && isNode(p.Exe) {
		return p.Comm
	}
	if title, _, _ := strings.Cut(p.FirstArgument(), " "); strings.TrimSuffix(title, ":") == "airflow" && strings.HasPrefix(base, "python") {
		return title
	}
	if script := path.Base(p.Script); p.Script != "" && !place.IsTemporary(p.Script) && slices.Contains(buildScripts(), strings.TrimSuffix(strings.TrimSuffix(script, ".js"), "-cli")) {
		return p.Script
	}
	for i, argument := range p.Argv {
		if argument == "-m" && i+1 < len(p.Argv) && strings.HasPrefix(base, "python") && slices.Contains(buildScripts(), p.Argv[i+1]) {
			return "python -m " + p.Argv[i+1]
		}
		if base == "java" && slices.Contains(buildClasses(), argument) {
			return argument
		}
	}
	return ""
}

func isNode(exe string) bool {
	return slices.Contains([]string{"node", "nodejs", "bun"}, path.Base(exe))
}

// isSettingUp holds for a program in memory that a container tool of root started, or
// that such a program started.
func (l *Lineage) isSettingUp(p *model.Process) bool {
	for a := p.Parent; a != nil; a = a.Parent {
		if a.Origin == model.OriginMemfd {
			continue
		}
		living := l.living(a.Identity)
		return living != nil && living.ExeOwner.Writers == model.WritersRoot && !living.Origin.Suspicious() &&
			slices.Contains(containerTools(), path.Base(a.Exe))
	}
	return false
}

// isAppImage knows the mounts that AppImages, and AppImageLauncher, make.
func isAppImage(p *model.Process) bool {
	if !p.ExeFUSE {
		return false
	}
	return slices.ContainsFunc(strings.Split(p.Exe, "/"), func(element string) bool {
		return strings.HasPrefix(element, ".mount_") || element == "appimagelauncherfs"
	})
}

// Dormant holds for a program in memory that all but never ran: agents and
// container runtimes keep such copies of themselves (CVE-2019-5736). A miner
// burns, and one that waits for its guardian is known by the guardian.
func Dormant(instances []*model.Process, now time.Time) bool {
	for _, p := range instances {
		age := now.Sub(p.Started)
		if p.Origin != model.OriginMemfd || age < dormantAge || p.CPUSeconds > dormantCores*age.Seconds() || p.Cores > dormantCores {
			return false
		}
	}
	return true
}

// isInstalled tells whether a program lies where only root, or the person who runs it,
// writes: wherever that is. What a service's user owns may have been put there by
// whoever came in by the service.
func isInstalled(p *model.Process) bool {
	if p.Origin.Suspicious() || p.Origin == model.OriginWeb || place.IsHidden(p.Exe) {
		return false
	}
	switch p.ExeOwner.Writers {
	case model.WritersRoot:
		return true
	case model.WritersOwner:
		return p.ExeOwner.UID == p.UID && p.UID >= firstUser
	default:
		return false
	}
}
