package report

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// inside has the suspect of the incident run in a container.
func inside(c model.Container) Report {
	r := incident()
	r.Snapshot.Files = nil
	p := &r.Findings.Active[0].Suspect.Process
	p.Isolation, p.Container, p.ContainerID = model.IsolationContainer, &c, c.ShortID()
	return r
}

func wholeID() string { return "3f9a1c0b2d4e" + strings.Repeat("0", 52) }

// stepAbout returns the step whose title names the container.
func stepAbout(t *testing.T, steps []Step, name string) Step {
	t.Helper()
	for _, step := range steps {
		if strings.Contains(step.Title, name) {
			return step
		}
	}
	t.Fatalf("no step about %s in %v", name, steps)
	return Step{}
}

// TestContainerStep: the plan calls a container by its name, and ends it by its id.
func TestContainerStep(t *testing.T) {
	t.Parallel()
	type container = model.Container
	id := wholeID()
	for name, test := range map[string]struct {
		container container
		title     string
		command   string
	}{
		"docker": {
			container{ID: id, Runtime: model.RuntimeDocker, HostRuntime: true, Name: "shop-redis-1", Image: "redis:7", Project: "shop"},
			"Stop the container shop-redis-1 (docker 3f9a1c0b2d4e, image redis:7, compose project shop), unless /tmp/kdevtmpfsi in it is known to its owner; the image redis:7 is suspect as long as nobody knows how it came in, and the diff tells",
			"docker diff " + id + "\ndocker stop " + id,
		},
		"a user's docker": {
			container{ID: id, Runtime: model.RuntimeDocker, Owner: 1000, Name: "web", Image: "x"},
			"web (docker 3f9a1c0b2d4e, image x, of user 1000)", "docker -H unix:///run/user/1000/docker.sock diff " + id + "\ndocker -H unix:///run/user/1000/docker.sock stop " + id,
		},
		"podman": {container{ID: id, Runtime: model.RuntimePodman, HostRuntime: true, Name: "web", Image: "x"}, "Stop the container web", "podman diff " + id + "\npodman stop " + id},
		"a user's podman": {
			container{ID: id, Runtime: model.RuntimePodman, Owner: 1000, Name: "web"},
			"its image is suspect",
			`(cd / && runuser -u "$(id -nu 1000)" -- env XDG_RUNTIME_DIR=/run/user/1000 sh -c 'podman diff ` + id + "; podman stop " + id + "')",
		},
		"pod": {
			container{ID: id, Runtime: model.RuntimeContainerd, HostRuntime: true, Name: "app", Image: "shop/web:1", KubeNamespace: "shop", KubePod: "web-7d9"},
			"Delete the pod shop/web-7d9, unless /tmp/kdevtmpfsi in its container app of the pod shop/web-7d9 (containerd 3f9a1c0b2d4e, image shop/web:1) is known to its owner.",
			"kubectl -n shop get pod web-7d9 -o jsonpath='{.status}' | grep -qF " + id + " && kubectl -n shop delete pod web-7d9",
		},
		"CRI-O without a pod": {container{ID: id, Runtime: model.RuntimeCRIO, HostRuntime: true, Name: "x"}, "Stop the container x", "crictl stop " + id},
		"nerdctl":             {container{ID: id, Runtime: model.RuntimeContainerd, HostRuntime: true, Name: "nginx"}, "nobody knows how it came in. Start it again", ""},
		"LXC":                 {container{Runtime: model.RuntimeLXC, HostRuntime: true, Name: "mail"}, "Look after mail (lxc) as after a host of its own", ""},
		"unnamed":             {container{ID: id, HostRuntime: true}, "Replace the container 3f9a1c0b2d4e by one from a clean image, unless /tmp/kdevtmpfsi in it", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inside(test.container)
			step := stepAbout(t, Plan(r), test.title)
			if step.Command != test.command || strings.Count(strings.Join(r.remedy(&r.Findings.Active[0]), "\n"), test.title) != 1 {
				t.Errorf("%+v", step)
			}
			for _, other := range Plan(r) {
				if strings.Contains(other.Command, "cd /tmp ") {
					t.Errorf("the host's /tmp is not the container's: %+v", other)
				}
			}
		})
	}
}

// TestOneContainerOneStep: many programs in one container end with it, also those that have no file any more.
func TestOneContainerOneStep(t *testing.T) {
	t.Parallel()
	r := inside(model.Container{ID: wholeID(), Runtime: model.RuntimeDocker, HostRuntime: true, Name: "web"})
	for _, name := range []string{"/tmp/a", "/tmp/b", "/tmp/c", "/tmp/d"} {
		more := r.Findings.Active[0]
		suspect := *more.Suspect
		suspect.Process.Exe, suspect.Process.ExeDeleted = name, true
		more.Suspect = &suspect
		r.Findings.Active = append(r.Findings.Active, more)
	}
	found := 0
	for _, step := range Plan(r) {
		if strings.Contains(step.Title, "container web") {
			found++
			if !strings.Contains(step.Title, "unless /tmp/kdevtmpfsi, /tmp/a, /tmp/b, /tmp/c and 1 more in it") {
				t.Error(step.Title)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d steps", found)
	}
}

// TestPodIsLookedAtFirst runs the command: another pod of the same name is left alone.
func TestPodIsLookedAtFirst(t *testing.T) {
	t.Parallel()
	c := model.Container{ID: wholeID(), HostRuntime: true, Name: "app", KubeNamespace: "shop", KubePod: "db-0"}
	for status, want := range map[string]bool{
		`{"containerStatuses":[{"containerID":"containerd://` + wholeID() + `"}]}`:               true,
		`{"containerStatuses":[{"containerID":"containerd://` + strings.Repeat("1", 64) + `"}]}`: false,
		"": false,
	} {
		directory := t.TempDir()
		script := "#!/bin/sh\ncase \"$*\" in\n\"-n shop get pod db-0 -o jsonpath={.status}\") echo '" + status + "';;\n\"-n shop delete pod db-0\") echo deleted;;\n*) echo \"$*\"; exit 1;;\nesac\n"
		if err := os.WriteFile(filepath.Join(directory, "kubectl"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		command := exec.Command("sh", "-c", stopContainer(&c))
		command.Env = append(os.Environ(), "PATH="+directory+":"+os.Getenv("PATH"))
		output, _ := command.CombinedOutput() // its exit code says the same
		if got := strings.TrimSpace(string(output)); (got == "deleted") != want || !want && got != "" {
			t.Errorf("%s: %q", status, got)
		}
	}
}

// TestContainerOfTheJSON: it has what a person is shown.
func TestContainerOfTheJSON(t *testing.T) {
	t.Parallel()
	r := inside(model.Container{ID: wholeID(), Runtime: model.RuntimePodman, Owner: 1000, Name: "web", Image: "x:1", KubeNamespace: "a", KubePod: "b", Project: "c", Service: "d"})
	var told strings.Builder
	if err := JSON(&told, r); err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(told.String()), " ")
	want := `"container_details": { "id": "` + wholeID() + `", "runtime": "podman", "name": "web", "image": "x:1", "compose_project": "c", "compose_service": "d", "kube_namespace": "a", "kube_pod": "b", "uid": 1000 }`
	if !strings.Contains(words, want) {
		t.Errorf("%s is missing", want)
	}
}

// TestHeadlineNamesTheContainer: whoever reads one line knows where to look.
func TestHeadlineNamesTheContainer(t *testing.T) {
	t.Parallel()
	r := inside(model.Container{ID: wholeID(), Runtime: model.RuntimeContainerd, HostRuntime: true, Name: "app", KubeNamespace: "shop", KubePod: "web-7d9"})
	const want = "user flink, container app of the pod shop/web-7d9"
	if got := r.headline(); !strings.Contains(got, want) {
		t.Errorf("%q is missing in %s", want, got)
	}
	if got := rules.Title(r.Findings.Active[0].Suspect, model.Critical); !strings.Contains(got, want+") is a miner") {
		t.Errorf("%q is missing in %s", want, got)
	}
}
