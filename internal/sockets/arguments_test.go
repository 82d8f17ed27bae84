package sockets

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
	published := &model.PortForward{
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
		{exe, exe + " -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80", published},
		{exe, exe + " -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80 -use-listen-fd", published},
		{exe, exe + " --host-ip=0.0.0.0 --host-port=8081 --container-ip=172.17.0.2 --container-port=80", published},
		{exe, exe + " -proto udp -host-ip :: -host-port 53 -container-ip 172.17.0.2 -container-port 53", six},
		{exe, exe + " -proto sctp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80", nil},
		{exe, exe + " -proto tcp -host-ip 0.0.0.0 -host-port 0 -container-ip 172.17.0.2 -container-port 80", nil},
		{exe, exe + " -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip " + strings.Repeat("1", 1000) + " -container-port 80", nil},
		{exe, exe + " -proto tcp -host-port 8081 -container-ip 172.17.0.2 -container-port", nil},
		{exe, exe, nil},
		{"/tmp/x", exe + " -proto tcp -host-ip 0.0.0.0 -host-port 8081 -container-ip 172.17.0.2 -container-port 80", nil},
	} {
		got := parseProxy(test.exe, strings.Split(test.line, " "))
		if diff := cmp.Diff(test.want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("%s: %s", test.line, diff)
		}
	}
	if got := parseProxy(exe, nil); got != nil {
		t.Errorf("%+v", got)
	}
}

func TestLogFileOf(t *testing.T) {
	t.Parallel()
	for want, argv := range map[string][]string{
		"/opt/flink/log/a\xff.log": {"java", "-Xmx1g", "-Dlog.file=/opt/flink/log/a\xff.log", "-Dlog.file=/other"},
		"/b":                       {"-Dlog.file=relative", "-Dlog.file=/" + strings.Repeat("x", maxPath), "-Dlog.file=/b"},
		"":                         {"-Dlog.file", "log.file=/c", "x-Dlog.file=/d"},
	} {
		if got := logFileOf(argv); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
