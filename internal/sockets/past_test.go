package sockets

import (
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestRemember(t *testing.T) {
	t.Parallel()
	door := func(pid int, port uint16, scope model.Scope) model.Socket {
		return model.Socket{Protocol: model.TCP, Port: port, Scope: scope, Owner: model.Identity{PID: pid}}
	}
	open := []model.Socket{
		door(100, 8081, model.ScopeAny), door(200, 22, model.ScopeAny), door(300, 631, model.ScopeLoopback), door(1, 111, model.ScopeAny),
	}
	past := remember(nil, open, open[1:2])
	if len(past) != 1 || past[0].Owner.PID != 100 || past[0].Port != 8081 {
		t.Fatalf("one exposed door was closed, remembered: %+v", past)
	}
	if again := remember(past, open, open[1:2]); len(again) != 1 {
		t.Errorf("remembered twice: %+v", again)
	}
	for i := range 2 * maxPast {
		past = remember(past, []model.Socket{door(1000+i, 80, model.ScopeAny)}, nil)
	}
	if len(past) != maxPast || past[maxPast-1].Owner.PID != 1000+2*maxPast-1 {
		t.Errorf("%d are remembered, the last of pid %d", len(past), past[len(past)-1].Owner.PID)
	}
}
