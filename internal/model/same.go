package model

import (
	"maps"
	"slices"
)

// SameSockets tells whether two samples show the same sockets, namespaces and forwarded
// ports: nothing that listens has changed. Connections do not matter.
func (s *SocketSnapshot) SameSockets(other *SocketSnapshot) bool {
	if s == nil || other == nil || s == other {
		return s == other
	}
	return s.ForwardingUnknown == other.ForwardingUnknown && slices.Equal(s.Sockets, other.Sockets) && slices.Equal(s.RecentlyClosed, other.RecentlyClosed) &&
		slices.Equal(s.PortForwards, other.PortForwards) && slices.EqualFunc(s.Namespaces, other.Namespaces, func(a, b NetNamespace) bool {
		return a.ID == b.ID && a.Name == b.Name && a.Complete == b.Complete && slices.Equal(a.PIDs, b.PIDs) &&
			slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.Dial, b.Dial)
	})
}

// SameAnswers tells whether two samples show the same of services: nothing was answered,
// asked for or submitted in between.
func (s *ServiceSnapshot) SameAnswers(other *ServiceSnapshot) bool {
	if s == nil || other == nil || s == other {
		return s == other
	}
	return s.Probing == other.Probing && maps.Equal(s.Answers, other.Answers) && maps.Equal(s.Waiting, other.Waiting) &&
		slices.EqualFunc(s.SubmissionLogs, other.SubmissionLogs, func(a, b SubmissionLog) bool {
			return a.App == b.App && a.Owner == b.Owner && a.Path == b.Path && a.Failure == b.Failure && slices.EqualFunc(a.Recent, b.Recent, func(a, b Submission) bool {
				return a.Event == b.Event && a.Time.Equal(b.Time) && a.Text == b.Text && slices.Equal(a.Peers, b.Peers)
			})
		})
}
