package files

import (
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// environmentFile marks a virtual environment of Python (PEP 405).
const environmentFile = "pyvenv.cfg"

// toolDirectories are directories with a dot that development tools put scripts
// into, wherever a repository or a home is unpacked.
func toolDirectories() []string {
	return []string{
		".github", ".gitlab", ".circleci", ".githooks", ".husky", ".pre-commit", ".devcontainer", ".vscode", ".idea", // of a repository
		".venv", ".tox", ".nox", ".eggs", ".direnv", ".bundle", ".yarn", ".pnpm", ".pnpm-store", ".bin", ".npm", ".gradle", ".mvn", ".terraform", ".next",
		".cache", ".config", ".local", ".cargo", ".rustup", ".nvm", ".pyenv", ".rbenv", ".asdf", // of a home
	}
}

// gitHooks are the names that git runs in hooks (githooks(5)); it puts examples
// called NAME.sample there.
func gitHooks() []string {
	return []string{
		"applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg", "commit-msg", "post-commit",
		"pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update", "proc-receive", "post-receive", "post-update",
		"reference-transaction", "push-to-checkout", "pre-auto-gc", "post-rewrite", "sendemail-validate", "fsmonitor-watchman", "p4-changelist",
		"p4-prepare-changelist", "p4-post-changelist", "p4-pre-submit", "post-index-change",
	}
}

// hides tells whether a file is hidden: by a name that begins with a dot or cannot be
// seen, of its own or of a directory above it. Scripts of development tools are not,
// nor are programs of a virtual environment or of node's modules, as long as all
// directories with a dot are such. Whoever takes such a name for his own needs the
// whole layout, and what he runs from there is found when it runs.
func (p *directory) hides(name string, isScript bool) bool {
	if place.IsHiddenName(name) {
		return true
	}
	if !p.hidden {
		return false
	}
	if p.depth == 1 {
		return true // no tool puts programs directly into /tmp/.NAME
	}
	for at, below := p, (*directory)(nil); at.above != nil; at, below = at.above, at {
		if place.IsHiddenName(at.name) && !at.isLayout(below, p, name, isScript) {
			return true
		}
	}
	return false
}

// isLayout tells whether a directory with a dot is one of a tool's. below is the next
// directory on the way down to the file, nil if the file lies in it; within is the
// one that the file lies in.
func (p *directory) isLayout(below, within *directory, file string, isScript bool) bool {
	switch {
	case p.name == ".git":
		return isScript && below != nil && within.name == "hooks" && slices.Contains(gitHooks(), strings.TrimSuffix(file, ".sample"))
	case !slices.Contains(toolDirectories(), p.name):
		return false
	case isScript:
		return true
	case p.name == ".bin", p.name == ".pnpm":
		return p.above != nil && p.above.name == "node_modules"
	default:
		return below != nil && (p.isEnvironment || below.isEnvironment)
	}
}
