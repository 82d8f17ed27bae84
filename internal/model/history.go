package model

import "time"

// Ended is a finding that is over, under the worst severity that it had.
type Ended struct {
	Finding Finding   // as it was last, without what nobody needs afterwards; FirstSeen is that of the first time
	At      time.Time // when it ended, the last time
	Times   int       // how often it was raised, from 1
}
