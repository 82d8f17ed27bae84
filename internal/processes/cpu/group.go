package cpu

import (
	"path"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// GroupName is the label `process`. Where an attacker may drop files under any
// name, the content names the group, so that random names stay one group.
func GroupName(origin model.Origin, directory, exe, sha256 string) string {
	switch origin {
	case model.OriginSystem, model.OriginLocal, model.OriginHome, model.OriginWeb:
		return path.Base(exe)
	case model.OriginKernel:
		return "kernel"
	case model.OriginUnreadable:
		return "unreadable"
	default:
		if len(sha256) < 6 {
			return directory + "#unread"
		}
		return directory + "#" + sha256[:6]
	}
}
