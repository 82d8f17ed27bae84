package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/measure"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// row is what one exporter cost among so many processes.
type row struct {
	processes int
	churn     float64 // processes a second that started and ended; 0 at rest
	peer      string
	cost
	scrapes []time.Duration // how long each took
}

// cost is what an exporter used while it was scraped every 15 s.
type cost struct {
	cpu      float64 // seconds a minute
	late     int     // scrapes that were left out: the one before took longer than a period
	resident int64   // bytes, the most that was seen after a scrape
	series   int
	bytes    int    // of the exposition, not compressed
	interval string // seconds between two looks at the processes; "" if that is the scrape's
}

// measureSizes measures among each number of processes, and says which it had to leave
// out, and why.
func measureSizes(ctx context.Context, set settings, peers []peer, progress io.Writer) (rows []row, left []string, err error) {
	if len(set.sizes) == 0 {
		return nil, nil, nil
	}
	sleeping, err := crowd.New(place)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, sleeping.End()) }()
	directory, err := os.MkdirTemp(place, "cryptojack-peers-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	short := filepath.Join(directory, "short")
	if err := crowd.WriteShort(short); err != nil {
		return nil, nil, err
	}
	for _, size := range set.sizes {
		own, err := measure.Processes("/proc")
		if err != nil {
			return rows, left, err
		}
		problem := crowd.Room("/", size-own)
		if problem == nil {
			problem = sleeping.Grow(ctx, sleeping.Count()+size-own)
		}
		if ctx.Err() != nil {
			return rows, left, context.Cause(ctx)
		}
		if problem != nil {
			left = append(left, fmt.Sprintf("%d processes: %v", size, problem))
			fmt.Fprintln(progress, "left out:", left[len(left)-1])
			continue
		}
		measured, err := measureSize(ctx, set, peers, short, progress)
		if err != nil {
			return rows, left, err
		}
		rows = append(rows, measured...)
	}
	return rows, left, nil
}

// measureSize starts the exporters among the processes that are there, and measures them
// at rest, then while processes start and end.
func measureSize(ctx context.Context, set settings, peers []peer, short string, progress io.Writer) (rows []row, err error) {
	servers, err := startAll(ctx, peers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopAll(servers)) }()
	for _, perSecond := range []int{0, set.churn} {
		spawned, endChurn := churn(ctx, short, perSecond)
		measured, err := measureOnce(ctx, set, servers)
		endChurn()
		s := <-spawned
		if err = errors.Join(err, s.err); err != nil {
			return rows, err
		}
		for i := range measured {
			measured[i].churn = s.PerSecond()
			fmt.Fprintln(progress, measured[i])
		}
		rows = append(rows, measured...)
	}
	return rows, nil
}

type spawned struct {
	crowd.Spawned
	err error
}

// churn starts so many short processes a second until end is called, none for 0.
func churn(ctx context.Context, short string, perSecond int) (done <-chan spawned, end context.CancelFunc) {
	ctx, end = context.WithCancel(ctx)
	result := make(chan spawned, 1)
	if perSecond == 0 {
		result <- spawned{}
		return result, end
	}
	go func() {
		s, err := crowd.Spawn(ctx, short, perSecond, 0)
		result <- spawned{s, err}
	}()
	return result, end
}

// measureOnce measures all exporters during the same time: first what they cost while
// each is scraped every 15 s, in turn, then one after the other how long scrapes take.
func measureOnce(ctx context.Context, set settings, servers []*server) ([]row, error) {
	if err := programs.Pause(ctx, set.settle); err != nil {
		return nil, err
	}
	rows := make([]row, len(servers))
	failures := make(chan error, len(servers))
	began := time.Now()
	for i, s := range servers {
		go func() {
			var err error
			rows[i].cost, err = s.costs(ctx, began.Add(scrapePeriod*time.Duration(i)/time.Duration(len(servers))), set.span)
			failures <- err
		}()
	}
	var err error
	for range servers {
		err = errors.Join(err, <-failures)
	}
	if err != nil {
		return nil, err
	}
	there, err := measure.Processes("/proc")
	if err != nil {
		return nil, err
	}
	for i, s := range servers {
		rows[i].peer, rows[i].processes = s.name, there
		if rows[i].scrapes, err = s.times(ctx); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// costs scrapes every 15 s from the given time on. The last period ends without a
// scrape, so that each scrape is followed by the rest of its period.
func (s *server) costs(ctx context.Context, from time.Time, span time.Duration) (c cost, err error) {
	if err := programs.Pause(ctx, time.Until(from)); err != nil {
		return c, err
	}
	began := time.Now()
	before, err := measure.CPUTime(s.PID)
	if err != nil {
		return c, err
	}
	for next := from; next.Before(from.Add(span)); next = next.Add(scrapePeriod) {
		if time.Since(next) >= scrapePeriod {
			c.late++ // as Prometheus does
			continue
		}
		if err := programs.Pause(ctx, time.Until(next)); err != nil {
			return c, err
		}
		exposition, err := s.scrape(ctx)
		if err != nil {
			return c, err
		}
		resident, err := measure.Resident(s.PID)
		if err != nil {
			return c, err
		}
		c.resident = max(c.resident, resident)
		c.series, c.bytes, c.interval = seriesIn(exposition), len(exposition), s.intervalIn(exposition)
	}
	if err := programs.Pause(ctx, time.Until(from.Add(span))); err != nil {
		return c, err
	}
	after, err := measure.CPUTime(s.PID)
	c.cpu = (after - before).Seconds() / time.Since(began).Minutes()
	return c, err
}

const (
	// Scrapes that are timed start that far from each other, so that they meet an
	// exporter that has a clock of its own at every phase of it.
	timedPause = 100 * time.Millisecond
	timedLimit = 12 * time.Second // for all of them
	timedLeast = 3
	timedMost  = 100
)

// times are how long scrapes take: 100, or as many as 12 s allow, but three at least.
func (s *server) times(ctx context.Context) (times []time.Duration, err error) {
	for began := time.Now(); len(times) < timedMost && (len(times) < timedLeast || time.Since(began) < timedLimit); {
		started := time.Now()
		if _, err := s.scrape(ctx); err != nil {
			return nil, err
		}
		times = append(times, time.Since(started))
		if err := programs.Pause(ctx, time.Until(started.Add(timedPause))); err != nil {
			return nil, err
		}
	}
	return times, nil
}
