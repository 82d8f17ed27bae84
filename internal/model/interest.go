package model

import "time"

// Interest is how much a program that has just begun asks to be looked at, by what is seen of it in its first moment.
type Interest int

// The kinds of interest, the least first.
const (
	InterestNone  Interest = iota
	InterestEntry          // nothing but that an exposed service stands above it
	InterestPlace          // it runs from where no program belongs, as what compilers try out does too
	InterestSign           // another kind of evidence, or both of the above
	InterestKnown          // an indicator, or two kinds of evidence
)

// ExecTotals count the programs that asked to be looked at when they began.
type ExecTotals struct {
	LookedAt uint64 // a sample was taken for them
	PutOff   uint64 // the budget was used up: the next sample looks at them, if they live until then
}

// ShortLived is a program of one user whose processes end before they can be seen in a sample, one after the other.
type ShortLived struct {
	Last  *Process      // the last that ended. Never changed
	Count int           // how many have ended within Span
	Span  time.Duration // from the end of the first to that of the last, as noted
}
