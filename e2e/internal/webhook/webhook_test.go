package webhook

import (
	"net/http"
	"strings"
	"testing"
)

func TestReceiver(t *testing.T) {
	t.Parallel()
	r, err := Start[Notification]()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	for message, status := range map[string]int{
		`{"alerts": [{"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-01-02T03:04:05Z"}]}`: http.StatusOK,
		`no JSON`: http.StatusBadRequest,
	} {
		response, err := http.Post(r.URL, "application/json", strings.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%s: %s", message, response.Status)
		}
	}
	got := r.Messages()
	if len(got) != 1 || len(got[0].Body.Alerts) != 1 || got[0].At.IsZero() {
		t.Fatalf("%+v", got)
	}
	if a := got[0].Body.Alerts[0]; a.Status != "firing" || a.Labels["alertname"] != "A" || a.StartsAt.Year() != 2026 {
		t.Errorf("%+v", a)
	}
}
