package main

import (
	"encoding/json"
	"net"
	"net/http"
	"time"
)

// page is a message of Alertmanager with a firing critical alert.
type page struct {
	alert    string // its name
	started  time.Time
	received time.Time
}

// hook is the pager: it takes what Alertmanager sends.
type hook struct {
	url    string
	pages  chan page
	server *http.Server
}

func startHook() (*hook, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &hook{url: "http://" + listener.Addr().String(), pages: make(chan page, 100)}
	h.server = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = h.server.Serve(listener) }() // until it is closed
	return h, nil
}

// ServeHTTP takes one message. Of its critical alerts the one counts that fired
// first.
func (h *hook) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	received := time.Now()
	var message struct {
		Alerts []struct {
			Status   string            `json:"status"`
			Labels   map[string]string `json:"labels"`
			StartsAt time.Time         `json:"startsAt"`
		} `json:"alerts"`
	}
	if err := json.NewDecoder(request.Body).Decode(&message); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	first := page{received: received}
	for _, a := range message.Alerts {
		if a.Status == "firing" && a.Labels["severity"] == "critical" && (first.alert == "" || a.StartsAt.Before(first.started)) {
			first.alert, first.started = a.Labels["alertname"], a.StartsAt
		}
	}
	if first.alert == "" {
		return
	}
	select {
	case h.pages <- first:
	default: // the first of them is all that is looked at
	}
}
