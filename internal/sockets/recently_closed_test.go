package sockets

import (
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestRecentlyClosed(t *testing.T) {
	t.Parallel()
	socket := func(pid int, port uint16, scope model.Scope) model.Socket {
		return model.Socket{Protocol: model.TCP, Port: port, Scope: scope, Owner: model.Identity{PID: pid}}
	}
	open := []model.Socket{
		socket(100, 8081, model.ScopeAny), socket(200, 22, model.ScopeAny), socket(300, 631, model.ScopeLoopback), socket(1, 111, model.ScopeAny),
	}
	closed := recentlyClosed(nil, open, open[1:2])
	if len(closed) != 1 || closed[0].Owner.PID != 100 || closed[0].Port != 8081 {
		t.Fatalf("one exposed socket was closed, remembered: %+v", closed)
	}
	if again := recentlyClosed(closed, open, open[1:2]); len(again) != 1 {
		t.Errorf("remembered twice: %+v", again)
	}
	for i := range 2 * maxRecentlyClosed {
		closed = recentlyClosed(closed, []model.Socket{socket(1000+i, 80, model.ScopeAny)}, nil)
	}
	if len(closed) != maxRecentlyClosed || closed[maxRecentlyClosed-1].Owner.PID != 1000+2*maxRecentlyClosed-1 {
		t.Errorf("%d are remembered, the last of pid %d", len(closed), closed[len(closed)-1].Owner.PID)
	}
}
