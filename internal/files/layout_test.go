package files

import (
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestLayouts has repositories that were cloned to /tmp, and whoever hides behind
// the names of their directories.
func TestLayouts(t *testing.T) {
	t.Parallel()
	const script = "#!/bin/sh\n"
	elf := elfFile(executable, "")
	f := newFixture(t, Limits{})
	want := map[string]model.FileReason{}
	put := func(name, content string, reason model.FileReason) {
		content += strings.Repeat(" ", len(want)) // contents differ
		f.write(name, content, 0o755)
		if reason != "" {
			want[name] = reason
		}
	}
	put("/tmp/repo/.git/hooks/pre-commit.sample", script, model.FileScript)
	put("/tmp/repo/.git/hooks/fsmonitor-watchman.sample", script, model.FileScript)
	put("/tmp/repo/.git/modules/lib/hooks/commit-msg", script, model.FileScript)
	put("/tmp/repo/.git/hooks/helper", script, model.FileHidden)
	put("/tmp/repo/.git/x", script, model.FileHidden)
	put("/tmp/repo/.git/objects/x", script, model.FileHidden)
	put("/tmp/repo/.git/hooks/update", elf, model.FileHidden)
	put("/tmp/repo/.github/scripts/test.sh", script, model.FileScript)
	put("/tmp/repo/.husky/_/husky.sh", script, model.FileScript)
	put("/tmp/repo/.husky/x", elf, model.FileHidden)
	put("/tmp/repo/node_modules/.bin/tsc", script, model.FileScript)
	put("/tmp/repo/node_modules/.pnpm/esbuild@1/node_modules/esbuild/bin/esbuild", elf, model.FileELF)
	put("/tmp/repo/.pnpm/bin/esbuild", elf, model.FileHidden)

	put("/tmp/repo/.venv/pyvenv.cfg", "home = /usr/bin", "")
	put("/tmp/repo/.venv/bin/pip", script, model.FileScript)
	put("/tmp/repo/.venv/bin/ruff", elf, model.FileELF)
	put("/tmp/repo/.venv/bin/.ruff", elf, model.FileHidden)
	put("/tmp/repo/.venv/.x/ruff", elf, model.FileHidden)
	put("/tmp/repo/.venv/ruff", elf, model.FileHidden)
	put("/tmp/repo/.tox/py311/pyvenv.cfg", "home = /usr/bin", "")
	put("/tmp/repo/.tox/py311/bin/python", elf, model.FileELF)
	put("/tmp/x/.venv/bin/tool", elf, model.FileHidden)
	put("/tmp/x/.venv/bin/tool.sh", script, model.FileScript)
	put("/tmp/.cache/x.sh", script, model.FileHidden)
	put("/tmp/.cache/pre-commit/x/hook", script, model.FileScript)
	put("/tmp/.cache/pre-commit/x/tool", elf, model.FileHidden)
	put("/tmp/.x/a/b", script, model.FileHidden)
	put("/tmp/.../.venv/bin/x", script, model.FileHidden)
	put("/tmp/selfgz1/install.sh", script, model.FileScript) // an installer that unpacked itself
	put("/tmp/tmp.ab/rustup-init", elf, model.FileELF)

	got := f.sample()
	for name, reason := range want {
		if got[name] != reason {
			t.Errorf("%s: %q, want %q", name, got[name], reason)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d: %v", len(got), len(want), got)
	}
}
