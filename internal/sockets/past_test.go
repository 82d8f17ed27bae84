package sockets

import (
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

func TestRemember(t *testing.T) {
	t.Parallel()
	door := func(pid int, port uint16, scope host.Scope) host.Socket {
		return host.Socket{Protocol: host.TCP, Port: port, Scope: scope, Owner: host.Identity{PID: pid}}
	}
	open := []host.Socket{
		door(100, 8081, host.ScopeAny), door(200, 22, host.ScopeAny), door(300, 631, host.ScopeLoopback), door(1, 111, host.ScopeAny),
	}
	past := remember(nil, open, open[1:2])
	if len(past) != 1 || past[0].Owner.PID != 100 || past[0].Port != 8081 {
		t.Fatalf("one exposed door was closed, remembered: %+v", past)
	}
	if again := remember(past, open, open[1:2]); len(again) != 1 {
		t.Errorf("remembered twice: %+v", again)
	}
	for i := range 2 * maxPast {
		past = remember(past, []host.Socket{door(1000+i, 80, host.ScopeAny)}, nil)
	}
	if len(past) != maxPast || past[maxPast-1].Owner.PID != 1000+2*maxPast-1 {
		t.Errorf("%d are remembered, the last of pid %d", len(past), past[len(past)-1].Owner.PID)
	}
}
