package containers

import (
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// of repeats a digit to an id.
func of(digit string) string { return strings.Repeat(digit, 64) }

const (
	dockers = "cf40c5bc245623d804a482bf6f06f9344e05d4c1577d9ebfceeb62dbec514e44" // as Docker 20.10 wrote it
	podmans = "1effdacf116277f572e31fdc259e0e9e2c4f85ca091109471a6f5f288d2cf925" // as Podman 4.3 did
)

func TestCgroups(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0123456789abcdef", 4)
	for cgroup, want := range map[string][2]string{
		"/":                          {"", ""},
		"/system.slice/cron.service": {"cron.service", ""},
		"/user.slice/user-1000.slice/session-3.scope":                         {"session-3.scope", ""},
		"/user.slice/user@1000.service/app.slice/x.service/payload":           {"x.service", ""},
		"/system.slice/docker-" + id + ".scope":                               {"docker-" + id + ".scope", "0123456789ab"},
		"/docker/" + id:                                                       {"", "0123456789ab"},
		"/docker/" + id + "/docker/" + of("1"):                                {"", "0123456789ab"},
		"/lxc.payload.web/docker/" + of("1"):                                  {"", ""},
		"/machine.slice/libpod-conmon-" + id + ".scope":                       {"libpod-conmon-" + id + ".scope", ""},
		"/kubepods/burstable/pod1/" + id:                                      {"", "0123456789ab"},
		"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope": {"cri-containerd-" + id + ".scope", "0123456789ab"},
	} {
		if got := [2]string{Unit(cgroup), ID(cgroup)}; got != want {
			t.Errorf("%s: got %v, want %v", cgroup, got, want)
		}
	}
}

// TestNames reads what each runtime writes.
func TestNames(t *testing.T) {
	t.Parallel()
	type container = model.Container
	names := patient(Options{Root: "testdata/host", Failed: func(err error) { t.Error(err) }})
	web := container{HostRuntime: true, KubeNamespace: "shop", KubePod: "web-7d9f5b6c4-x2x9z"}
	for cgroup, want := range map[string]container{
		"/docker/" + dockers:                         {Runtime: model.RuntimeDocker, Name: "shop-redis-1", Image: "example.test/shop/redis:7", Project: "shop", Service: "redis"},
		"/system.slice/docker-" + of("2") + ".scope": {Runtime: model.RuntimeDocker, Name: "runner", Image: "registry.example/ci/runner:3"},
		"/kubepods/besteffort/pod0d1f/" + of("1"): {
			Runtime: model.RuntimeDocker, Name: "app", Image: "sha256:0123456789abcdef", KubeNamespace: web.KubeNamespace, KubePod: web.KubePod,
		},
		"/kubepods.slice/kubepods-pod0d1f.slice/cri-containerd-" + of("3") + ".scope": {
			Runtime: model.RuntimeContainerd, Name: "app", Image: "registry.example/shop/web:1.4", KubeNamespace: web.KubeNamespace, KubePod: web.KubePod,
		},
		"/kubepods.slice/kubepods-pod0d1f.slice/cri-containerd-" + of("4") + ".scope": {
			Runtime: model.RuntimeContainerd, KubeNamespace: web.KubeNamespace, KubePod: web.KubePod,
		},
		"/default/" + of("5"):                                   {Runtime: model.RuntimeContainerd, Name: "nginx"},
		"/kubepods/burstable/pod9/" + of("6"):                   {Runtime: model.RuntimeContainerd, Name: "db", Image: "docker.io/library/postgres:16", KubeNamespace: "default", KubePod: "db-0"},
		"/machine.slice/libpod-" + podmans + ".scope/container": {Runtime: model.RuntimePodman, Name: "shop-web2", Image: "example.test/shop/web:1"},
		"/machine.slice/libpod-" + of("9") + ".scope":           {Runtime: model.RuntimePodman, Name: "once", Image: "localhost/once:latest"},
		"/kubepods.slice/kubepods-pod7.slice/crio-" + of("7") + ".scope": {
			Runtime: model.RuntimeCRIO, Name: "router", Image: "quay.io/openshift/router:4.16", KubeNamespace: "openshift-ingress", KubePod: "router-default-5c9",
		},
		"/kubepods.slice/kubepods-pod8.slice/crio-" + of("a") + ".scope": {
			Runtime: model.RuntimeCRIO, Name: "y", Image: "quay.io/x/y:1", KubeNamespace: "team", KubePod: "y-0",
		},
		"/kubepods/pod7/" + of("b"):                           {Name: "redis-sentinel", KubeNamespace: "shop", KubePod: "cache-0"},
		"/docker/" + of("f"):                                  {},
		"/lxc.payload.mail/system.slice/postfix.service":      {Runtime: model.RuntimeLXC, Name: "mail"},
		"/lxc/old/system.slice":                               {Runtime: model.RuntimeLXC, Name: "old"},
		`/machine.slice/machine-build\x2d1.scope/payload`:     {Runtime: model.RuntimeNspawn, Name: "build-1"},
		"/machine.slice/systemd-nspawn@dev.service/payload/x": {Runtime: model.RuntimeNspawn, Name: "dev"},
	} {
		want.HostRuntime, want.ID = true, idPattern.FindString(cgroup)
		names.Begin(time.Unix(1, 0))
		if got := names.Of(cgroup); got == nil || *got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", cgroup, got, want)
		}
	}
	for _, cgroup := range []string{
		"/", "", "/user.slice/user-1000.slice/session-1.scope", `/machine.slice/machine-qemu\x2d1\x2dwin.scope`, "/machine.slice/machine-gone.scope",
		`/machine.slice/machine-build\x2d1.scope/supervisor`, "/machine.slice/libpod-conmon-" + podmans + ".scope", "/lxc.monitor.mail",
	} {
		if got := names.Of(cgroup); got != nil {
			t.Errorf("%s: %+v", cgroup, got)
		}
	}
	if (*Names)(nil).Of("/docker/"+dockers) != nil {
		t.Error("nobody was asked")
	}
}
