package internal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFirstContact runs `make run` and `make test` as on machines with another Go than
// this one: each goes on, or says in one line what to do.
func TestFirstContact(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("there is no make")
	}
	// A go command as the scripts ask it. Fetching fails if there is a file called offline beside it.
	goCommand := func(version, toolchain string) string {
		return `#!/bin/bash
[[ $1 != -C ]] || shift 2
case "$1 $2" in
"version ") [[ $GOTOOLCHAIN == local ]] || ! [[ -e ${0%/*}/offline ]] || { printf 'go: downloading go1.26.0\ngo: no route to proxy\n' >&2; exit 1; }
  echo 'go version ` + version + ` linux/amd64' ;;
"env GOTOOLCHAIN") echo '` + toolchain + `' ;;
"build "*) while [[ $1 != -o ]]; do shift; done
  printf '#!/bin/bash\necho the exporter runs\n' >"$2"; chmod +x "$2" ;;
*) echo "unexpected: go $*" >&2; exit 1 ;;
esac
`
	}
	for _, test := range []struct {
		name, target string
		program      string // the go command, "" for none
		offline      bool
		elsewhere    bool // there is one that is not in PATH
		want         string
	}{
		{name: "none", target: "run", want: "Go is missing. Install Go 1.21 or later"},
		{name: "none for tests", target: "test", want: "run `make test` again"},
		{name: "not in PATH", target: "run", elsewhere: true, want: ", which is not in PATH: run `PATH=$PATH:"},
		{name: "Debian 12", target: "run", program: goCommand("go1.19.8", ""), want: "Go 1.19.8 is too old to build this"},
		{name: "Debian 12 for tests", target: "test", program: goCommand("go1.19.8", ""), want: "Go 1.19.8 is too old to build this"},
		{name: "may not fetch", target: "run", program: goCommand("go1.22.12", "local"), want: "run `GOTOOLCHAIN=auto make run`"},
		{name: "cannot fetch", target: "run", program: goCommand("go1.22.12", "auto"), offline: true, want: "(go: no route to proxy): run `make run` again when"},
		{name: "fetches", target: "run", program: goCommand("go1.21.13", "auto"), want: "the exporter runs"},
		{name: "new enough", target: "run", program: goCommand("go1.99.0", "local"), want: "the exporter runs"},
		{name: "built by hand", target: "run", program: goCommand("devel +a1b2c3", "local"), want: "the exporter runs"},
		{name: "broken", target: "run", program: "#!/bin/bash\nexit 1\n", want: "Go does not run"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			path := filepath.Join(folder, "path")
			link(t, path, "bash", "make", "awk", "cat", "chmod", "dirname", "env", "git", "grep", "head", "id", "mkdir", "sort", "tail", "uname")
			if test.program != "" {
				write(t, filepath.Join(path, "go"), test.program)
			}
			if test.offline {
				write(t, filepath.Join(path, "offline"), "")
			}
			elsewhere := filepath.Join(folder, "elsewhere")
			if test.elsewhere {
				write(t, filepath.Join(elsewhere, "go"), "#!/bin/bash\n")
			}
			command := exec.CommandContext(t.Context(), "make", "-C", top, "--no-print-directory", "BINARY="+filepath.Join(folder, "exporter"), test.target)
			command.Env = []string{"PATH=" + path, "HOME=" + folder, "GO_FOLDER=" + elsewhere}
			said, err := command.CombinedOutput()
			if !strings.Contains(string(said), test.want) {
				t.Errorf("want %q: %v\n%s", test.want, err, said)
			}
			if runs := strings.Contains(test.want, "runs"); runs != (err == nil) {
				t.Errorf("%v\n%s", err, said)
			} else if !runs && strings.Count(string(said), "\n") != 2 { // the second is make's own
				t.Errorf("more than one line:\n%s", said)
			}
		})
	}
}

// link makes a folder with links to programs of this machine.
func link(t *testing.T, folder string, programs ...string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		found, err := exec.LookPath(program)
		if err != nil {
			t.Skipf("there is no %s", program)
		}
		if err := os.Symlink(found, filepath.Join(folder, program)); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
