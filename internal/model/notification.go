package model

// NotificationResult is what became of a notification. The set is closed.
type NotificationResult string

// The results.
const (
	NotificationSent    NotificationResult = "sent"    // messages that the webhook took
	NotificationFailed  NotificationResult = "failed"  // attempts that failed; they are tried again
	NotificationDropped NotificationResult = "dropped" // findings that were given up
)

// NotificationResults lists every result, so that metrics can exist at 0.
func NotificationResults() []NotificationResult {
	return []NotificationResult{NotificationSent, NotificationFailed, NotificationDropped}
}
