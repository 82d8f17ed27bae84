package forward

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestParseProxy(t *testing.T) {
	t.Parallel()
	forwarded := &model.PortForward{
		Protocol: model.TCP, Via: model.ForwarderDockerProxy,
		Host: netip.MustParseAddrPort("0.0.0.0:8081"), Target: netip.MustParseAddrPort("172.17.0.2:80"),
	}
	six := &model.PortForward{
		Protocol: model.UDP, Via: model.ForwarderDockerProxy,
		Host: netip.MustParseAddrPort("[::]:53"), Target: netip.MustParseAddrPort("172.17.0.2:53"),
	}
	const exe = "/usr/bin/docker-proxy"
	for _, test := range []struct {
		exe, line string
		want      *model.PortForward
	}{
		{exe, exe + " -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80", forwarded},
		{exe, exe + " -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80 -use-listen-fd", forwarded},
		{exe, exe + " --host-ip=0.0.0.0 --host-port=8081 --container-ip=172.17.0.2 --container-port=80", forwarded},
		{exe, exe + " -proto udp -host-ip :: -host-port 53 -container-ip 172.17.0.2 -container-port 53", six},
		{exe, exe + " -proto sctp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80", nil},
		{exe, exe + " -proto tcp -host-ip 0.0.0.0 -host-port 0 -container-ip 172.17.0.2 -container-port 80", nil},
		{exe, exe + " -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip " + strings.Repeat("1", 1000) + " -container-port 80", nil},
		{exe, exe + " -proto tcp -host-port 8081 -container-ip 172.17.0.2 -container-port", nil},
		{exe, exe, nil},
		{"/tmp/x", exe + " -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80", nil},
	} {
		got := ParseDockerProxy(test.exe, strings.Split(test.line, " "))
		if diff := cmp.Diff(test.want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("%s: %s", test.line, diff)
		}
	}
	if got := ParseDockerProxy(exe, nil); got != nil {
		t.Errorf("%+v", got)
	}
}
