package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	staleness "github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
)

const (
	// step is the scrape interval. All times of samples are multiples of it.
	step = 15 * time.Second
	// past is how much there is when the first rule is evaluated. It is more than
	// an hour, which CryptojackEventSourceGone looks back.
	past = 70 * time.Minute
)

// store is what takes samples by remote write.
type store struct {
	url string // of the server
	// clusters are those whose hosts it gets.
	clusters []string
	// named: it gets the label cluster with each sample. A Prometheus that has one
	// cluster adds it itself, as an external label.
	named bool
}

// feeder writes the samples of all hosts to all stores: the same values with the same
// times.
type feeder struct {
	stores []store
	hosts  []*simulatedHost
	begin  time.Time // of what is live

	mutex sync.Mutex
	last  time.Time // of the last samples that all stores have
}

// feed writes the past, then begins to write what is live, until the test ends.
func feed(t *testing.T, stores []store, hosts []*simulatedHost) *feeder {
	t.Helper()
	f := &feeder{stores: stores, hosts: hosts, begin: time.Now().Truncate(step)}
	var times []time.Time
	for at := f.begin.Add(-past); !at.After(f.begin); at = at.Add(step) {
		times = append(times, at)
	}
	// In the order of time, because Prometheus takes nothing that is an hour older than what it has.
	for some := range slices.Chunk(times, 20) {
		if err := f.write(some); err != nil {
			t.Fatal(err)
		}
	}
	ended, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for at := f.begin.Add(step); ; at = at.Add(step) {
			select {
			case <-stop:
				return
			case <-time.After(time.Until(at)):
			}
			if err := f.write([]time.Time{at}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-ended
	})
	return f
}

// lastTime is the time of the last samples that all stores have.
func (f *feeder) lastTime() time.Time {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.last
}

// change calls a function that changes hosts from the next samples on.
func (f *feeder) change(what func(next time.Duration)) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	what(f.last.Add(step).Sub(f.begin))
}

func (f *feeder) write(times []time.Time) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, s := range f.stores {
		request := &prompb.WriteRequest{}
		for _, h := range f.hosts {
			if slices.Contains(s.clusters, h.cluster) {
				request.Timeseries = append(request.Timeseries, h.during(times, f.begin, s.named)...)
			}
		}
		if err := s.take(request); err != nil {
			return err
		}
	}
	f.last = times[len(times)-1]
	return nil
}

// take posts a request: remote write 1.0, by
// https://prometheus.io/docs/specs/prw/remote_write_spec/.
func (s store) take(request *prompb.WriteRequest) error {
	message, err := request.Marshal()
	if err != nil {
		return err
	}
	response, err := http.Post(s.url+"/api/v1/write", "application/x-protobuf", bytes.NewReader(snappy.Encode(nil, message)))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if said, err := io.ReadAll(response.Body); err != nil || response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %s %w", s.url, response.Status, said, err)
	}
	return nil
}

// during are the series of a host with a sample of each time at which they are there.
func (h *simulatedHost) during(times []time.Time, begin time.Time, named bool) []prompb.TimeSeries {
	var all []prompb.TimeSeries
	for _, one := range h.series {
		labels := slices.Clone(one.labels)
		if named {
			labels = append(labels, prompb.Label{Name: "cluster", Value: h.cluster})
		}
		slices.SortFunc(labels, func(a, b prompb.Label) int { return strings.Compare(a.Name, b.Name) })
		series := prompb.TimeSeries{Labels: labels}
		for _, at := range times {
			now, there := one.at(at, begin)
			if !there {
				if _, was := one.at(at.Add(-step), begin); !was {
					continue
				}
				now = math.Float64frombits(staleness.StaleNaN) // which a scraper writes when a series is gone
			}
			series.Samples = append(series.Samples, prompb.Sample{Value: now, Timestamp: at.UnixMilli()})
		}
		if len(series.Samples) > 0 {
			all = append(all, series)
		}
	}
	return all
}
