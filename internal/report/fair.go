package report

import "github.com/cryptojack-exporter/cryptojack_exporter/internal/model"

// Of what is shown at first: the rest follows.
const (
	shownOfSystem = 12 // entries of root and the system
	shownOfUser   = 4
)

// fair orders findings about entries that start programs: root's and the system's first,
// then some of each user, each in the order that they have. Only so many are shown, and
// a user may write thousands.
func fair(list []*model.Finding) []*model.Finding {
	var system, users, rest []*model.Finding
	of := map[string]int{}
	for _, finding := range list {
		owner := finding.Persistence.Owner
		of[owner]++
		switch {
		case owner == "" && of[owner] <= shownOfSystem:
			system = append(system, finding)
		case owner != "" && of[owner] <= shownOfUser:
			users = append(users, finding)
		default:
			rest = append(rest, finding)
		}
	}
	return append(append(system, users...), rest...)
}
