package processes

import (
	"time"

	"github.com/go-kit/log/level"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/containers"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// sweepCycle is how often containers are forgotten that no process is left of.
const sweepCycle = time.Minute

func newContainers(t *table) *containers.Names {
	return containers.New(containers.Options{Root: t.options.Root, Home: t.options.UserHome, Failed: t.containerUnread})
}

// nameContainers gives processes what has become known of their containers since the last sample.
func (s *sample) nameContainers() {
	if s.round.early {
		return
	}
	if renamed := s.containers.Begin(s.now); len(renamed) > 0 {
		for _, e := range s.entries {
			if now, ok := renamed[e.process.Container]; ok {
				e.change().Container = now
			}
		}
	}
	if s.now.Sub(s.containersSwept).Abs() < sweepCycle {
		return
	}
	s.containersSwept = s.now
	used := map[*model.Container]bool{}
	for _, e := range s.entries {
		used[e.process.Container] = true
	}
	s.containers.Retain(used)
}

// countContainers says of how many containers more than the id is known.
func (s *sample) countContainers() {
	if share := s.containers.Share(); share.Total > 0 {
		s.visibility[model.AspectContainer] = share
	}
}

// containerUnread counts why the name of a container could not be read. Each reason is logged once.
func (t *table) containerUnread(err error) {
	t.reader.Failed(model.AspectContainer, err)
	reason := hostfs.ReasonOf(err)
	if t.containersSaid[reason] {
		return
	}
	t.containersSaid[reason] = true
	level.Warn(t.options.Logger).Log("msg", "some containers are shown by their ids alone", "err", err)
}
