package containers

import (
	"strings"
	"testing"
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
		"/kubepods/burstable/pod1/" + id:                                      {"", "0123456789ab"},
		"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope": {"cri-containerd-" + id + ".scope", "0123456789ab"},
	} {
		if got := [2]string{Unit(cgroup), ID(cgroup)}; got != want {
			t.Errorf("%s: got %v, want %v", cgroup, got, want)
		}
	}
}
