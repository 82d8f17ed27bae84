package self

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestPortChanges: what keeps scrapes from the exporter's port, or answers in its place, and
// what has to do with other ports.
func TestPortChanges(t *testing.T) {
	t.Parallel()
	own := model.Socket{Protocol: model.TCP, Address: "::", Port: 10042, Scope: model.ScopeAny, Owner: model.Identity{PID: 7}, OwnedByExporter: true}
	at := own
	at.Address, at.Scope = "192.0.2.1", model.ScopePrivate
	loopback := own
	loopback.Address, loopback.Scope = "127.0.0.1", model.ScopeLoopback
	other := func(change func(*model.Socket)) model.Socket {
		s := own
		s.OwnedByExporter, s.Owner, s.OwnerComm = false, model.Identity{PID: 8}, "x\x1b"
		change(&s)
		return s
	}
	rule := func(action model.PortAction, first, last uint16, address string) model.PortRule {
		r := model.PortRule{Action: action, First: first, Last: last}
		if address != "" {
			r.Address = netip.MustParseAddr(address)
		}
		return r
	}
	same := func(*model.Socket) {}
	nothing := []model.SelfChange(nil)
	const see = "`nft list ruleset` shows the rule."
	for name, test := range map[string]struct {
		snapshot *model.SocketSnapshot
		want     []model.SelfChange
	}{
		"no sample":              {nil, nothing},
		"alone":                  {&model.SocketSnapshot{Sockets: []model.Socket{own}}, nothing},
		"shared":                 {&model.SocketSnapshot{Sockets: []model.Socket{own, other(same)}}, []model.SelfChange{{Kind: model.PortShared, Subject: "10042", Detail: `It is x\x1b (pid 8).`}}},
		"another port":           {&model.SocketSnapshot{Sockets: []model.Socket{own, other(func(s *model.Socket) { s.Port++ })}}, nothing},
		"another namespace":      {&model.SocketSnapshot{Sockets: []model.Socket{own, other(func(s *model.Socket) { s.NetNS = "4026532001" })}}, nothing},
		"UDP":                    {&model.SocketSnapshot{Sockets: []model.Socket{own, other(func(s *model.Socket) { s.Protocol = model.UDP })}}, nothing},
		"another's port dropped": {&model.SocketSnapshot{Sockets: []model.Socket{own}, PortRules: []model.PortRule{rule(model.PortDrops, 22, 22, "")}}, nothing},
		"dropped": {
			&model.SocketSnapshot{Sockets: []model.Socket{own}, PortRules: []model.PortRule{rule(model.PortDrops, 10040, 10050, ""), rule(model.PortDrops, 10042, 10042, "")}},
			[]model.SelfChange{{Kind: model.PortBlocked, Subject: "10042", Detail: see}},
		},
		"diverted":            {&model.SocketSnapshot{Sockets: []model.Socket{own}, PortRules: []model.PortRule{rule(model.PortDiverts, 10042, 10042, "198.51.100.1")}}, []model.SelfChange{{Kind: model.PortDiverted, Subject: "10042", Detail: see}}},
		"at another address":  {&model.SocketSnapshot{Sockets: []model.Socket{at}, PortRules: []model.PortRule{rule(model.PortDiverts, 10042, 10042, "198.51.100.1")}}, nothing},
		"on loopback only":    {&model.SocketSnapshot{Sockets: []model.Socket{loopback}, PortRules: []model.PortRule{rule(model.PortDrops, 10042, 10042, "")}}, nothing},
		"not its own to tell": {&model.SocketSnapshot{Sockets: []model.Socket{other(same)}, PortRules: []model.PortRule{rule(model.PortDrops, 10042, 10042, "")}}, nothing},
	} {
		if diff := cmp.Diff(test.want, portChanges(test.snapshot), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
