package chart

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const podAddress = "127.0.0.2" // of the node, where the pod has the host's network

// TestRunsOnThisNode runs the pod as a kubelet would: by runc, with the content of the image, and with the namespaces, mounts, user,
// capabilities and arguments that the chart renders. It serves at the node's address and at loopback, and sees the whole host.
func TestRunsOnThisNode(t *testing.T) {
	t.Parallel()
	for values, says := range map[string]string{"operator": "root is no longer needed", "user": "starting cryptojack_exporter"} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			c := runPod(t, rendered(t, filepath.Join(chart, "ci", values+"-values.yaml"), "--set", "port="+port))
			c.checkSight(t, port)
			if !strings.Contains(c.output.String(), says) {
				t.Errorf("its log does not say %q:\n%s", says, &c.output)
			}
		})
	}
}

func (c *container) checkSight(t *testing.T, port string) {
	t.Helper()
	// Other programs come and go, so that one look may be of a moment in which much could not be read.
	var lacks []string
	for range 60 {
		if lacks = missing(t, c.get(t, "http://"+net.JoinHostPort(podAddress, port)+"/metrics")); len(lacks) == 0 {
			break
		}
		time.Sleep(time.Second)
	}
	for _, lack := range lacks {
		t.Error(lack)
	}
	var findings struct {
		Audience string `json:"audience"`
	}
	if err := json.Unmarshal([]byte(c.get(t, "http://127.0.0.1:"+port+"/api/v1/findings")), &findings); err != nil || findings.Audience != "full" {
		t.Errorf("who forwards a port to it is told: %+v, %v", findings, err)
	}
}

// missing says what the metrics of an exporter that sees the whole host do not show.
func missing(t *testing.T, metrics string) (lacks []string) {
	t.Helper()
	for _, sample := range []string{
		`cryptojack_visibility_ratio{aspect="host"} 1`,
		`cryptojack_event_source_active{source="task_iterator"} 1`,
		`cryptojack_config_last_reload_successful 1`,
		`cryptojack_findings{rule="exporter_tampered",severity="warning"} 0`,
	} {
		if !strings.Contains(metrics, "\n"+sample+"\n") {
			lacks = append(lacks, "the metrics lack "+sample)
		}
	}
	if readable := sum(t, metrics, `cryptojack_visibility_ratio{aspect="exe"`); readable < 0.8 {
		lacks = append(lacks, fmt.Sprintf("it can read the executables of %g of all processes", readable))
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	if seen := sum(t, metrics, "cryptojack_origin_processes{"); seen < float64(len(processes))/2 {
		lacks = append(lacks, fmt.Sprintf("it sees %g processes of %d", seen, len(processes)))
	}
	return lacks
}

// TestOwnNetworkNamespace: without hostNetwork it says what it cannot see, as docs/kubernetes.md has it.
func TestOwnNetworkNamespace(t *testing.T) {
	t.Parallel()
	c := runPod(t, rendered(t, filepath.Join(chart, "ci", "plain-values.yaml")))
	c.waitFor(t, "It runs in a network namespace of its own", func() bool {
		return strings.Contains(c.output.String(), "It runs in a network namespace of its own")
	})
}

// container is one that runs.
type container struct {
	output buffer
	done   chan struct{} // closed when it has ended
}

// runPod runs the container of the DaemonSet until the test ends.
func runPod(t *testing.T, objects []object) *container {
	t.Helper()
	exporter, image := program(t, "EXPORTER"), program(t, "IMAGE")
	if os.Geteuid() != 0 {
		t.Skip("containers are run by root")
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Skip("runc is not installed")
	}
	// Not in a temporary directory: what runs there is suspicious.
	bundle, err := os.MkdirTemp(filepath.Dir(exporter), "pod.")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(bundle); err != nil {
			t.Error(err)
		}
	})
	root := filepath.Join(bundle, "root")
	if output, err := exec.CommandContext(t.Context(), image, "-root="+root, "-license=../../LICENSE", exporter).CombinedOutput(); err != nil {
		t.Fatalf("lay out the image: %v: %s", err, output)
	}
	configuration, err := json.Marshal(configurationOf(t, objects, bundle, root))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), configuration, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &container{done: make(chan struct{})}
	id := filepath.Base(bundle)
	state := "--root=" + filepath.Join(bundle, "state")
	command := exec.Command(runc, state, "run", "--bundle="+bundle, id)
	command.Stdout, command.Stderr = &c.output, &c.output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = command.Wait() // it is ended by a signal
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = exec.Command(runc, state, "kill", id, "KILL").Run()
		<-c.done
		_ = exec.Command(runc, state, "delete", "--force", id).Run()
		if t.Failed() {
			t.Logf("the container: %s", &c.output)
		}
	})
	return c
}

// configurationOf is the pod in the words of runtimes (opencontainers/runtime-spec), as containerd says them. Its seccomp profile is left
// out: it is the runtime's, which e2e/image tries.
func configurationOf(t *testing.T, objects []object, bundle, root string) map[string]any {
	t.Helper()
	pod := daemonSetOf(t, objects).Spec.Template.Spec
	spec := pod.Containers[0]
	security := spec.SecurityContext
	type section = map[string]any

	namespaces := []section{{"type": "mount"}, {"type": "ipc"}}
	if !pod.HostNetwork {
		namespaces = append(namespaces, section{"type": "network"}, section{"type": "uts"})
	}
	if !pod.HostPID {
		namespaces = append(namespaces, section{"type": "pid"})
	}
	var capabilities []string
	for _, capability := range security.Capabilities.Add {
		capabilities = append(capabilities, "CAP_"+string(capability))
	}
	mounts := []section{
		{"destination": "/proc", "type": "proc", "source": "proc", "options": []string{"nosuid", "noexec", "nodev"}},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"nosuid", "noexec", "nodev", "ro"}},
	}
	for _, mount := range spec.VolumeMounts {
		options := []string{"rbind", "rprivate"}
		if mount.MountPropagation != nil && *mount.MountPropagation == corev1.MountPropagationHostToContainer {
			options = []string{"rbind", "rslave"}
		}
		if mount.ReadOnly {
			options = append(options, "ro")
		}
		mounts = append(mounts, section{"destination": mount.MountPath, "type": "bind", "source": sourceOf(t, &pod, objects, mount.Name, bundle), "options": options})
	}
	return section{
		"ociVersion": "1.0.2",
		"process": section{
			"user": section{"uid": *security.RunAsUser, "gid": *security.RunAsGroup}, "cwd": "/", "env": []string{"POD_IP=" + podAddress},
			"args":            append([]string{"/bin/cryptojack_exporter"}, arguments(&pod, podAddress)...),
			"noNewPrivileges": !*security.AllowPrivilegeEscalation,
			"capabilities":    section{"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
		},
		"root":   section{"path": root, "readonly": *security.ReadOnlyRootFilesystem},
		"mounts": mounts,
		"linux": section{
			"namespaces": namespaces, "cgroupsPath": "/kubepods/" + filepath.Base(bundle),
			"resources":     section{"devices": []section{{"allow": false, "access": "rwm"}}},
			"maskedPaths":   []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"},
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

// sourceOf is what a kubelet would mount of a volume: a path of the host, or the files of a ConfigMap.
func sourceOf(t *testing.T, pod *corev1.PodSpec, objects []object, name, bundle string) string {
	t.Helper()
	at := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	if at < 0 {
		t.Fatalf("there is no volume %s", name)
	}
	if host := pod.Volumes[at].HostPath; host != nil {
		return host.Path
	}
	directory := filepath.Join(bundle, "volume-"+name)
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, o := range of[*corev1.ConfigMap](objects) {
		if o.Name != pod.Volumes[at].ConfigMap.Name {
			continue
		}
		for file, text := range o.Data {
			if err := os.WriteFile(filepath.Join(directory, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return directory
}

// get answers when the exporter is ready.
func (c *container) get(t *testing.T, url string) string {
	t.Helper()
	ready := url[:strings.LastIndex(url, ":")+6] // up to the port, which has five digits
	c.waitFor(t, ready+"/-/ready", func() bool {
		status, _, err := fetch(t.Context(), ready+"/-/ready")
		return err == nil && status == http.StatusOK
	})
	status, body, err := fetch(t.Context(), url)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d, %v", url, status, err)
	}
	return body
}

// waitFor waits for as long as the container runs, and the time of all tests lasts.
func (c *container) waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for !is() {
		select {
		case <-c.done:
			t.Fatalf("it ended before %s", what)
		case <-t.Context().Done():
			t.Fatalf("no %s", what)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func fetch(ctx context.Context, url string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

// sum adds the samples that begin so.
func sum(t *testing.T, metrics, beginning string) (total float64) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(metrics))
	for lines.Scan() {
		if labels, value, ok := strings.Cut(lines.Text(), "} "); ok && strings.HasPrefix(labels, beginning) {
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			total += number
		}
	}
	return total
}

func freePort(t *testing.T) string {
	t.Helper()
	for {
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		if port >= 10000 { // five digits
			return fmt.Sprint(port)
		}
	}
}

// buffer is written to by a program and read by a test at the same time.
type buffer struct {
	mutex   sync.Mutex
	content bytes.Buffer
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.content.Write(text)
}

func (b *buffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.content.String()
}
