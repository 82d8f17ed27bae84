package e2e

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// runtimePackages are those of Debian that hold Docker and Podman. They are unpacked and not installed: an engine that
// is installed starts with the machine.
var runtimePackages = []string{"docker.io", "containerd", "runc", "podman", "conmon", "golang-github-containers-common", "golang-github-containers-image"}

// runtimes are those of containers, in a mount namespace of their own in which their files lie where they
// usually do and the host's have none.
type runtimes struct {
	programs  string   // the directory of the packages
	directory string   // that holds everything else
	cgroups   []string // that were there before
	namespace string
}

// startRuntimes starts Docker's daemon. Podman has none.
func startRuntimes(t *testing.T) *runtimes {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to run containers: run `make e2e`")
	}
	e := &runtimes{programs: unpackRuntimes(t), cgroups: cgroupsOfRuntimes(t)}
	var err error
	if e.directory, err = os.MkdirTemp(binDirectory(t), "engines"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.remove(t) })
	for _, name := range []string{"docker", "etc", "containers", "exec"} {
		if err := os.Mkdir(filepath.Join(e.directory, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, e.directory, "containers.conf", fmt.Sprintf("[engine]\ncgroup_manager=\"cgroupfs\"\nevents_logger=\"none\"\nruntime=\"runc\"\nconmon_path=[%q]\n[engine.runtimes]\nrunc=[%q]\n",
		e.programs+"/usr/bin/conmon", e.programs+"/usr/sbin/runc"))
	writeFile(t, filepath.Join(e.directory, "etc"), "daemon.json", fmt.Sprintf(`{"data-root": %q}`, e.directory+"/docker"))
	for _, name := range []string{"/etc/docker", "/var/lib/containers"} { // to mount over
		if os.Mkdir(name, 0o755) == nil {
			t.Cleanup(func() { _ = os.Remove(name) }) // what is in use by then stays
		}
	}
	holder := startProcess(t, nil, "unshare", "--mount", "--propagation", "private", "sh", "-ec",
		`mount --bind "$0/etc" /etc/docker; mount --bind "$0/containers" /var/lib/containers; echo ready; exec sleep 600`, e.directory)
	eventually(t, 30*time.Second, "the engines' mounts", func() error {
		if !strings.Contains(holder.output.String(), "ready") {
			return errors.New("not mounted yet")
		}
		return nil
	})
	e.namespace = fmt.Sprintf("--mount=/proc/%d/ns/mnt", holder.PID)
	start(t, e.command(e.programs+"/usr/sbin/dockerd", "--exec-root="+e.directory+"/exec", "--pidfile="+e.directory+"/pid", "--host="+e.socket(),
		"--iptables=false", "--ip-masq=false", "--bridge=none", "--storage-driver=vfs", "--exec-opt=native.cgroupdriver=cgroupfs"))
	eventually(t, time.Minute, "Docker answers", func() error {
		if answer := e.run(t, "docker", "version"); answer.code != 0 {
			return errors.New(answer.stderr)
		}
		return nil
	})
	return e
}

func (e *runtimes) socket() string { return "unix://" + e.directory + "/sock" }

// command runs a program among the engines' files.
func (e *runtimes) command(arguments ...string) *exec.Cmd {
	command := exec.Command("nsenter", append([]string{e.namespace, "--"}, arguments...)...)
	command.Env = append(os.Environ(), "DOCKER_HOST="+e.socket(), "CONTAINERS_CONF="+e.directory+"/containers.conf",
		"PATH="+e.programs+"/usr/bin:"+e.programs+"/usr/sbin:"+os.Getenv("PATH"))
	return command
}

// run asks docker or podman for something.
func (e *runtimes) run(t *testing.T, engine string, arguments ...string) result {
	t.Helper()
	program := []string{e.programs + "/usr/bin/docker"}
	if engine == "podman" {
		program = []string{e.programs + "/usr/bin/podman", "--runroot=" + e.directory + "/run", "--tmpdir=" + e.directory + "/tmp", "--storage-driver=vfs"}
	}
	command := e.command(append(program, arguments...)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); command.ProcessState == nil {
		t.Fatal(err)
	}
	return result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func (e *runtimes) must(t *testing.T, engine string, arguments ...string) string {
	t.Helper()
	answer := e.run(t, engine, arguments...)
	if answer.code != 0 {
		t.Fatalf("%s %v: %s", engine, arguments, answer.stderr)
	}
	return strings.TrimSpace(answer.stdout)
}

// imports makes an image that holds a harmless program under the name of a miner.
func (e *runtimes) imports(t *testing.T, engine, image string) {
	t.Helper()
	file, err := os.Create(filepath.Join(e.directory, engine+".tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := os.ReadFile(program(t, "replica"))
	if err != nil {
		t.Fatal(err)
	}
	content = append(content, engine...) // another program for each
	archive := tar.NewWriter(file)
	err = archive.WriteHeader(&tar.Header{Name: "opt/kdevtmpfsi", Mode: 0o755, Size: int64(len(content))})
	if err == nil {
		_, err = io.Copy(archive, bytes.NewReader(content))
	}
	if err := errors.Join(err, archive.Close()); err != nil {
		t.Fatal(err)
	}
	e.must(t, engine, "import", file.Name(), image)
}

// remove takes away what the engines have left: first what is mounted in their namespace goes with it.
func (e *runtimes) remove(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(e.directory); err != nil {
		t.Error(err)
	}
	for _, name := range cgroupsOfRuntimes(t) {
		if slices.Contains(e.cgroups, name) {
			continue
		}
		var groups []string // Podman leaves those of its containers
		err := filepath.WalkDir(name, func(name string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				groups = append(groups, name)
			}
			return err
		})
		for _, group := range slices.Backward(groups) {
			err = errors.Join(err, os.Remove(group))
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// cgroupsOfRuntimes are those in which Docker and Podman make one for each container, in every hierarchy.
func cgroupsOfRuntimes(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/sys/fs/cgroup/docker", "/sys/fs/cgroup/*/docker", "/sys/fs/cgroup/libpod_parent", "/sys/fs/cgroup/*/libpod_parent"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// unpackRuntimes returns where the packages are unpacked.
func unpackRuntimes(t *testing.T) string {
	t.Helper()
	directory := filepath.Join(binDirectory(t), "runtimes")
	if _, err := os.Stat(directory); err == nil {
		return directory
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("there is no apt-get to fetch Docker and Podman with")
	}
	unfinished, err := os.MkdirTemp(binDirectory(t), "unpacked")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(unfinished)
	command := exec.Command("apt-get", append([]string{"download", "-qq"}, runtimePackages...)...)
	command.Dir = unfinished
	if output, err := command.CombinedOutput(); err != nil {
		t.Skipf("Docker and Podman cannot be fetched from Debian: %v: %s", err, tail(string(output), 300))
	}
	packages, err := filepath.Glob(unfinished + "/*.deb")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range packages {
		if output, err := exec.Command("dpkg-deb", "--extract", name, filepath.Join(unfinished, "root")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
	}
	if err := os.Rename(filepath.Join(unfinished, "root"), directory); err != nil {
		t.Fatal(err)
	}
	return directory
}

// TestContainersAreNamed has Docker and Podman run what is called like a miner.
func TestContainersAreNamed(t *testing.T) {
	e := startRuntimes(t)
	const project = "com.docker.compose.project=shop"
	started := map[string]string{}
	for _, engine := range []string{"docker", "podman"} {
		image := "example.test/" + engine + "/shop:7"
		e.imports(t, engine, image)
		id := e.must(t, engine, "run", "--detach", "--name=shop-"+engine+"-1", "--network=none", "--label="+project, "--env=REPLICA_MODE=sleeper",
			"--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", image, "/opt/kdevtmpfsi")
		t.Cleanup(func() { e.must(t, engine, "rm", "--force", id) })
		started[engine] = id
	}
	exporter := startServer(t, e.command(program(t, "cryptojack_exporter"), "--process.interval=1s", "--findings.hold=10s", "--no-collector.files",
		"--no-collector.persistence", "--no-collector.sockets", "--no-collector.services", askNobody(t)))

	named := func(engine, name string) error {
		now, err := tryScrape(exporter.url)
		if err != nil {
			return err
		}
		_, _, err = now.one("cryptojack_suspect_container_info", labels{
			"container_id": started[engine][:12], "container_name": name, "image": "example.test/" + engine + "/shop:7", "kube_namespace": "", "kube_pod": "", "runtime": engine,
		})
		return err
	}
	for engine := range started {
		eventually(t, time.Minute, engine+"'s container has its name", func() error { return named(engine, "shop-"+engine+"-1") })
	}
	// The command of the plan ends it.
	page := e.planOf(t, exporter.url)
	if want := "docker stop " + started["docker"]; !strings.Contains(page, want) || !strings.Contains(page, "the image example.test/docker/shop:7 is suspect") {
		t.Errorf("%q is missing in %s", want, page)
	}
	if want := "podman stop " + started["podman"]; !strings.Contains(page, want) {
		t.Errorf("%q is missing in %s", want, page)
	}
	if strings.Contains(page, "conmon") {
		t.Error("what looks after a container is not in it")
	}
	e.must(t, "docker", "stop", "--time=1", started["docker"])
	if got := e.must(t, "docker", "inspect", "--format={{.State.Running}} {{.Name}}", started["docker"]); got != "false /shop-docker-1" {
		t.Error(got)
	}
}

// planOf returns the steps that the exporter prints.
func (e *runtimes) planOf(t *testing.T, url string) string {
	t.Helper()
	var answer struct {
		Plan []struct {
			Title, Command string
		}
	}
	if err := programs.Get(t.Context(), url+"/api/v1/findings", &answer); err != nil {
		t.Fatal(err)
	}
	var steps strings.Builder
	for _, step := range answer.Plan {
		steps.WriteString(step.Title + "\n" + step.Command + "\n")
	}
	return steps.String()
}
