package self

import (
	"fmt"
	"strconv"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// portChanges tells what stands between the exporter's own listening sockets and those who
// scrape them.
func portChanges(s *model.SocketSnapshot) (changes []model.SelfChange) {
	if s == nil {
		return nil
	}
	known := map[model.SelfChange]bool{}
	add := func(change model.SelfChange) {
		if !known[change] {
			known[change] = true
			changes = append(changes, change)
		}
	}
	for i := range s.Sockets {
		own := &s.Sockets[i]
		if !own.OwnedByExporter || own.Protocol != model.TCP || own.Scope == model.ScopeLoopback {
			continue
		}
		port := strconv.Itoa(int(own.Port))
		for j := range s.Sockets {
			other := &s.Sockets[j]
			if other.OwnedByExporter || other.Protocol != model.TCP || other.NetNS != own.NetNS || other.Port != own.Port || other.Address != own.Address || other.Owner.PID == 0 {
				continue
			}
			add(model.SelfChange{Kind: model.PortShared, Subject: port, Detail: fmt.Sprintf("It is %s (pid %d).", text.Label(other.OwnerComm), other.Owner.PID)})
		}
		for _, rule := range s.PortRules {
			elsewhere := rule.Address.IsValid() && own.Scope != model.ScopeAny && rule.Address.String() != own.Address
			if own.Port < rule.First || own.Port > rule.Last || elsewhere {
				continue
			}
			kind := model.PortBlocked
			if rule.Action == model.PortDiverts {
				kind = model.PortDiverted
			}
			add(model.SelfChange{Kind: kind, Subject: port, Detail: "`nft list ruleset` shows the rule."})
		}
	}
	return changes
}
