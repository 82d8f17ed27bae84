// Package webhook takes the messages that programs post, such as the notifications
// of Alertmanager, and keeps them.
package webhook

import (
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"time"
)

// Receiver keeps every message that is posted to its address. A message is an
// object of JSON that fits the type.
type Receiver[Body any] struct {
	URL string

	server   *http.Server
	mutex    sync.Mutex
	messages []Message[Body]
}

// Message is what came, and when.
type Message[Body any] struct {
	At   time.Time
	Body Body
}

// Notification is the part of a message of Alertmanager's webhook that is read
// here.
type Notification struct {
	Alerts []Alert `json:"alerts"`
}

// Alert is one alert of a notification, or of Prometheus' own list.
type Alert struct {
	Status      string            `json:"status"` // firing or resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
}

// Start listens on a free loopback address until Close.
func Start[Body any]() (*Receiver[Body], error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Receiver[Body]{URL: "http://" + listener.Addr().String()}
	r.server = &http.Server{Handler: http.HandlerFunc(r.receive), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = r.server.Serve(listener) }() // until it is closed
	return r, nil
}

func (r *Receiver[Body]) receive(response http.ResponseWriter, request *http.Request) {
	message := Message[Body]{At: time.Now()}
	if err := json.NewDecoder(request.Body).Decode(&message.Body); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.messages = append(r.messages, message)
}

// Messages are those that came so far, the oldest first.
func (r *Receiver[Body]) Messages() []Message[Body] {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]Message[Body](nil), r.messages...)
}

// Close stops listening.
func (r *Receiver[Body]) Close() error { return r.server.Close() }
