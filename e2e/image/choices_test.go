package image

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// Names of miners, that harmless programs of this test have. With digits, as no other program of this machine is called.
const (
	hostMiner      = "kdevtmpfsi4711"
	containerMiner = "xmrig4711"
)

// copyProgram copies a program under another name, which becomes part of its content: a suspect is known by that.
func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, append(content, filepath.Base(to)...), 0o755); err != nil {
		t.Fatal(err)
	}
}

// playMiners starts a program called like a miner on the host, as nobody, and another in a container, as a user whose
// number the host may know under some name. Both do nothing.
func playMiners(t *testing.T) (containerID string) {
	t.Helper()
	replica := os.Getenv("IMAGE_REPLICA")
	host, err := os.MkdirTemp("/var/tmp", "image-check")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(host); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(host, 0o755); err != nil {
		t.Fatal(err)
	}
	copyProgram(t, replica, filepath.Join(host, hostMiner))
	command := exec.Command(filepath.Join(host, hostMiner))
	command.Env = []string{"REPLICA_MODE=sleeper"}
	programs.AsNobody(command)
	miner, err := programs.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := miner.KillGroup(); err != nil {
			t.Error(err)
		}
	})

	rootfs := t.TempDir()
	copyProgram(t, replica, filepath.Join(rootfs, "var/tmp", containerMiner))
	containerID = strings.Repeat("c0ffee12", 8)
	runs := startContainer(t, containerID, specOf(choice{ownPIDs: true, noRootfs: true}, containerID, rootfs, 1000, []string{"REPLICA_MODE=sleeper"}, []string{"/var/tmp/" + containerMiner}))
	t.Cleanup(func() {
		if err := runs.runs.Ended(); err != nil {
			t.Errorf("the miner in the container: %v", err)
		}
	})
	return containerID
}

// seen is what an exporter in a container has seen.
type seen struct {
	Host, Container string // severity and origin of the miner there, with "container" if it is said to be in one
	User            string // whom it runs as
	Sources         string // that are active
	Unread          string // aspects of which it could read less than all
}

// TestChoices runs the image by each choice of options, and compares what the exporter sees.
func TestChoices(t *testing.T) {
	name, version := archive(t)
	root := newEngine(t, name).pull(t, name, version, runtime.GOARCH).root
	containerID := playMiners(t)
	three := []string{"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_NET_ADMIN"}
	five := append(slices.Clone(three), "CAP_BPF", "CAP_PERFMON")
	eight := append(slices.Clone(five), "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
	profile := usualProfile(t)
	const (
		host      = "critical temp as nobody"
		container = "critical temp in its container as 1000"
		all       = "poll proc_connector task_iterator taskstats"
		messages  = "poll proc_connector taskstats" // from the kernel
		own       = "60578"                         // the image's
	)
	blind := seen{"critical unreadable as nobody", "critical unreadable in its container as 1000", own, "", "exe fd"}
	for i, test := range []struct {
		name   string
		choice choice
		want   seen
	}{
		{"as in the manual", choice{capabilities: five, docker23: true}, seen{host, container, own, all, ""}},
		{"own cgroup namespace", choice{capabilities: five, docker23: true, ownCgroups: true}, seen{host, container, own, all, ""}},
		{"no-new-privileges", choice{capabilities: five, docker23: true, noNewPrivileges: true}, blind},
		{"root of eight, no-new-privileges", choice{capabilities: eight, docker23: true, root: true, noNewPrivileges: true}, seen{host, container, "another", all, ""}},
		{"root of five", choice{capabilities: five, docker23: true, root: true}, seen{host, container, "0", all, ""}},
		{"Podman's profile", choice{capabilities: five}, seen{host, container, own, messages, ""}},
		{"three capabilities", choice{capabilities: three, docker23: true}, seen{host, container, own, messages, ""}},
		{"no capability", choice{docker23: true}, blind},
		{"without --pid=host", choice{capabilities: five, docker23: true, ownPIDs: true}, seen{host, container, own, "", ""}},
		{"without the root directory", choice{capabilities: five, docker23: true, noRootfs: true}, seen{"critical temp as 65534", container, own, all, ""}},
	} {
		test.choice.profile = profile
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("%064x", 0xabc000+i)
			got := look(t, root, test.choice, id, containerID)
			t.Logf("%+v", got)
			if test.want.Sources == "" { // some kernels tell anybody of forks, with numbers that mean nothing in another pid namespace
				got.Sources = ""
			}
			if test.want.User == "another" && got.User != "0" { // the first that no process of the host has, which is the image's own while no other container of this test runs
				got.User = test.want.User
			}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// look runs the exporter in a container until it has looked at everything.
func look(t *testing.T, root string, c choice, id, minersID string) seen {
	t.Helper()
	address, err := programs.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"/bin/cryptojack_exporter", "--web.listen-address=" + address}
	if !c.noRootfs {
		args = append(args, "--path.procfs=/host/proc", "--path.rootfs=/host")
	}
	runs := startContainer(t, id, specOf(c, id, root, 60578, []string{"PATH=/bin"}, args))
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := programs.Eventually(ctx, time.Minute, "the exporter is ready", func() error {
		if err := runs.runs.Ended(); err != nil {
			return err
		}
		return programs.Get(ctx, "http://"+address+"/-/ready", nil)
	}); err != nil {
		t.Fatal(err)
	}
	if output, code := runs.exec("/bin/cryptojack_exporter", "healthcheck", "--web.listen-address="+address); code != 0 || output != "healthy: http://"+address+"/-/healthy\n" {
		t.Errorf("healthcheck exits %d: %s", code, output)
	}
	var got seen
	_ = programs.Eventually(ctx, 5*time.Second, "both miners are seen", func() error {
		got = read(t, address, minersID)
		if got.Host == "" || got.Container == "" {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	got.User = userOf(t, runs)
	return got
}

// read makes a scrape.
func read(t *testing.T, address, minersID string) seen {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got seen
	each := func(name string, do func(labels map[string]string, value float64)) {
		for _, metric := range families[name].GetMetric() {
			labels := map[string]string{}
			for _, pair := range metric.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			do(labels, metric.GetGauge().GetValue())
		}
	}
	each("cryptojack_suspect_info", func(labels map[string]string, _ float64) {
		said := labels["severity"] + " " + labels["origin"]
		switch id := labels["container_id"]; {
		case id != "" && strings.HasPrefix(minersID, id):
			said += " in its container as " + labels["user"]
		case id != "":
			said += " in another container"
		default:
			said += " as " + labels["user"]
		}
		switch labels["comm"] {
		case hostMiner:
			got.Host = said
		case containerMiner:
			got.Container = said
		}
	})
	var sources, unread []string
	each("cryptojack_event_source_active", func(labels map[string]string, value float64) {
		if value == 1 {
			sources = append(sources, labels["source"])
		}
	})
	each("cryptojack_visibility_ratio", func(labels map[string]string, value float64) {
		if value < 0.5 && slices.Contains([]string{"stat", "exe", "fd", "cgroup", "host"}, labels["aspect"]) {
			unread = append(unread, labels["aspect"])
		}
	})
	slices.Sort(sources)
	slices.Sort(unread)
	got.Sources, got.Unread = strings.Join(sources, " "), strings.Join(unread, " ")
	return got
}

// userOf is the effective user of the exporter, as the host sees it.
func userOf(t *testing.T, c *container) string {
	t.Helper()
	output, err := exec.Command("runc", "--root="+c.state, "state", c.id).Output()
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ Pid int }
	if err := json.Unmarshal(output, &state); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", state.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "\nUid:")
	return strings.Fields(line)[1]
}
