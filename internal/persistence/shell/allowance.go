package shell

const (
	maxDecodings    = 2        // decoded texts in decoded texts
	maxDecodedBytes = 1 << 20  // read and given out by what decodes, for one file
	maxDecodedSteps = 1 << 14  // commands that are worked out for one file
	maxUnpacked     = 64 << 10 // of one compressed text
	maxSubstituted  = 8        // depth of $(... $(...))
)

// Allowance bounds what is decoded of one file, whatever its author nests. It is used
// by one goroutine.
type Allowance struct {
	bytes, steps int
}

// NewAllowance is that of one file.
func NewAllowance() *Allowance { return &Allowance{bytes: maxDecodedBytes, steps: maxDecodedSteps} }

// step says whether one more command may be worked out.
func (a *Allowance) step() bool {
	if a.steps <= 0 || a.bytes <= 0 {
		return false
	}
	a.steps--
	return true
}

// spend says whether so many bytes may be worked on.
func (a *Allowance) spend(bytes int) bool {
	if bytes > a.bytes {
		return false
	}
	a.bytes -= bytes
	return true
}
