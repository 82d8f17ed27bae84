package image

import (
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The most that an image may have, in bytes.
const (
	maxFetched  = 25e6
	maxUnpacked = 30e6
)

// pulled is the image of one architecture as an engine has it.
type pulled struct {
	root string // its files
	OCI  struct {
		Architecture string `json:"architecture"`
		Config       struct {
			User       string
			Entrypoint []string
			Labels     map[string]string
		} `json:"config"`
	} `json:"OCIv1"`
}

// engine is buildah with a store of its own.
type engine struct{ directory string }

func (e engine) run(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.Command("buildah", append([]string{"--root=" + e.directory + "/storage", "--runroot=" + e.directory + "/run", "--storage-driver=vfs"}, arguments...)...)
	var stderr strings.Builder
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("buildah %v: %v\n%s", arguments, err, stderr.String())
	}
	return strings.TrimSpace(string(output))
}

// pull takes the image of an architecture out of the archive's index.
func (e engine) pull(t *testing.T, archive, version, architecture string) pulled {
	t.Helper()
	id := e.run(t, "pull", "--quiet", "--arch="+architecture, "oci-archive:"+archive+":"+version)
	working := e.run(t, "from", "--pull-never", "--arch="+architecture, id)
	found := pulled{root: e.run(t, "mount", working)}
	if err := json.Unmarshal([]byte(e.run(t, "inspect", "--type=image", id)), &found); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.run(t, "umount", working) })
	return found
}

// archive is what `make image` has made.
func archive(t *testing.T) (name, version string) {
	t.Helper()
	name, version = os.Getenv("IMAGE_ARCHIVE"), os.Getenv("IMAGE_VERSION")
	if name == "" || version == "" {
		t.Skip("no image was made: make image-check makes it")
	}
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to run containers")
	}
	return name, version
}

// newEngine keeps its images beside the archive: /tmp may be small, and what runs from there is suspicious.
func newEngine(t *testing.T, archive string) engine {
	t.Helper()
	directory, err := os.MkdirTemp(filepath.Dir(archive), "check")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	return engine{directory}
}

// TestIndex: the archive holds an image of each architecture, with the right program, small, and configured alike.
func TestIndex(t *testing.T) {
	name, version := archive(t)
	buildah := newEngine(t, name)
	for architecture, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		image := buildah.pull(t, name, version, architecture)
		path := filepath.Join(image.root, "bin/cryptojack_exporter")
		program, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if libraries, err := program.ImportedLibraries(); program.Machine != machine || len(libraries) > 0 || err != nil {
			t.Errorf("%s: %s, libraries %v, %v", architecture, program.Machine, libraries, err)
		}
		program.Close()
		unpacked := int64(0)
		err = filepath.Walk(image.root, func(_ string, info os.FileInfo, err error) error {
			if err == nil && info.Mode().IsRegular() {
				unpacked += info.Size()
			}
			return err
		})
		if err != nil || unpacked > maxUnpacked || unpacked < 1e6 {
			t.Errorf("%s: %d bytes, %v, want at most %.0f", architecture, unpacked, err, float64(maxUnpacked))
		}
		config := image.OCI.Config
		if image.OCI.Architecture != architecture || config.User != "60578:60578" || !slices.Equal(config.Entrypoint, []string{"/bin/cryptojack_exporter"}) ||
			config.Labels["org.opencontainers.image.version"] != version || config.Labels["org.opencontainers.image.licenses"] != "Apache-2.0" {
			t.Errorf("%s: %+v", architecture, image.OCI)
		}
		t.Logf("linux/%s: %.1f MB unpacked", architecture, float64(unpacked)/1e6)
		t.Run(architecture, func(t *testing.T) {
			if output := runForeign(t, architecture, path, "--version"); !strings.Contains(output, "version "+version) {
				t.Errorf("--version says %s", output)
			}
		})
	}
	if total, err := os.Stat(name); err != nil || total.Size() > 2*maxFetched {
		t.Errorf("the archive: %v, %v", total, err)
	}
}

// runForeign runs the program of an architecture, in QEMU if it is not this machine's.
func runForeign(t *testing.T, architecture, path string, arguments ...string) string {
	t.Helper()
	command := exec.Command(path, arguments...)
	if architecture != runtime.GOARCH {
		emulator, err := exec.LookPath(map[string]string{"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}[architecture])
		if err != nil {
			t.Skipf("the program of %s is not run, its ELF header is right: %v (qemu-user-static)", architecture, err)
		}
		command = exec.Command(emulator, append([]string{path}, arguments...)...)
	}
	said, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", path, err, said)
	}
	return string(said)
}
