package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// answerRow is one series of an answer of Prometheus, with its last value.
type answerRow struct {
	Metric labels
	Value  [2]any   // of an instant query
	Values [][2]any // of a range
}

// last is the newest value, as Prometheus writes it.
func (r answerRow) last() string {
	if len(r.Values) > 0 {
		return fmt.Sprint(r.Values[len(r.Values)-1][1])
	}
	return fmt.Sprint(r.Value[1])
}

// run asks Prometheus as Grafana would: for now, or for the last ten minutes.
func (q shippedQuery) run(prometheus string) ([]answerRow, error) {
	if q.instant {
		return ask(prometheus, "query", url.Values{"query": {q.expr}})
	}
	now := time.Now().Unix()
	return ask(prometheus, "query_range", url.Values{
		"query": {q.expr}, "start": {strconv.FormatInt(now-600, 10)}, "end": {strconv.FormatInt(now, 10)}, "step": {"1"},
	})
}

func ask(prometheus, kind string, parameters url.Values) ([]answerRow, error) {
	response, err := http.PostForm(prometheus+"/api/v1/"+kind, parameters)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []answerRow }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", parameters.Get("query"), response.Status, err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", parameters.Get("query"), answer.Error)
	}
	return answer.Data.Result, nil
}
