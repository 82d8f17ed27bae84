package image

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// choice is how a container is started. The zero value has no option.
type choice struct {
	capabilities    []string // --cap-add, after --cap-drop=ALL
	root            bool     // --user=0
	noNewPrivileges bool     // --security-opt=no-new-privileges
	ownPIDs         bool     // without --pid=host
	noRootfs        bool     // without -v /:/host:ro,rslave
	ownCgroups      bool     // --cgroupns=private, as it is by default on hosts with cgroup v2
	profile         *seccompProfile
	docker23        bool // the profile is Docker's since version 23, else Podman's of Debian 12
}

// anObject is a part of a container's configuration (opencontainers/runtime-spec).
type anObject = map[string]any

// specOf is the configuration that Docker gives to runc for `docker run --read-only --net=host --cap-drop=ALL` with the options of a choice.
// User and program are the image's.
func specOf(c choice, id, rootfs string, userID int, environment, args []string) anObject {
	namespaces := []anObject{{"type": "mount"}, {"type": "uts"}, {"type": "ipc"}}
	if c.ownPIDs {
		namespaces = append(namespaces, anObject{"type": "pid"})
	}
	if c.ownCgroups {
		namespaces = append(namespaces, anObject{"type": "cgroup"})
	}
	mounts := []anObject{
		{"destination": "/proc", "type": "proc", "source": "proc", "options": []string{"nosuid", "noexec", "nodev"}},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"nosuid", "noexec", "nodev", "ro"}},
		{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []string{"mode=1777"}},
	}
	if !c.noRootfs {
		mounts = append(mounts, anObject{"destination": "/host", "type": "bind", "source": "/", "options": []string{"rbind", "ro", "rslave"}})
	}
	if c.root {
		userID = 0
	}
	inForce := []string{} // who is not root gets none by itself, but may take up those of a file
	if userID == 0 {
		inForce = c.capabilities
	}
	linux := anObject{
		"namespaces": namespaces, "cgroupsPath": "/docker/" + id,
		"resources":     anObject{"devices": []anObject{{"allow": false, "access": "rwm"}}},
		"maskedPaths":   []string{"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"},
		"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
	}
	if c.profile != nil {
		linux["seccomp"] = c.profile.rulesFor(c.capabilities, c.docker23)
	}
	return anObject{
		"ociVersion": "1.0.2", "hostname": "container",
		"process": anObject{
			"user": anObject{"uid": userID, "gid": userID}, "args": args, "env": environment, "cwd": "/", "noNewPrivileges": c.noNewPrivileges,
			"capabilities": anObject{"bounding": c.capabilities, "effective": inForce, "permitted": inForce, "inheritable": []string{}, "ambient": []string{}},
		},
		"root":   anObject{"path": rootfs, "readonly": true},
		"mounts": mounts,
		"linux":  linux,
	}
}

// container is one that runs.
type container struct {
	id     string
	state  string // runc's directory
	output *bytes.Buffer
	runs   *programs.Program
}

// startContainer runs one until the test ends.
func startContainer(t *testing.T, id string, spec anObject) *container {
	t.Helper()
	bundle := t.TempDir()
	content, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &container{id: id, state: filepath.Join(bundle, "state"), output: &bytes.Buffer{}}
	command := exec.Command("runc", "--root="+c.state, "run", "--bundle="+bundle, id)
	command.Stdout, command.Stderr = c.output, c.output
	if c.runs, err = programs.Start(command); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("runc", "--root="+c.state, "kill", id, "KILL").Run()
		<-c.runs.Done()
		_ = exec.Command("runc", "--root="+c.state, "delete", "--force", id).Run()
		if t.Failed() {
			t.Logf("container %.12s: %s", id, c.output)
		}
	})
	return c
}

// exec runs a program in the container as an engine does a HEALTHCHECK of the form CMD: with its user and capabilities.
func (c *container) exec(args ...string) (output string, code int) {
	command := exec.Command("runc", append([]string{"--root=" + c.state, "exec", c.id}, args...)...)
	said, err := command.CombinedOutput()
	if err != nil && command.ProcessState == nil {
		return err.Error(), -1
	}
	return string(said), command.ProcessState.ExitCode()
}
