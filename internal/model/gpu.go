package model

import "time"

// GPUUse is what a process does with GPUs, as far as device nodes and their drivers
// say: those of NVIDIA, and ROCm of AMD, tell no times.
type GPUUse struct {
	Devices  []string      // device nodes that it holds open, sorted, at most 16
	Compute  bool          // one that only computing needs, or it kept an engine busy that only computes
	Seconds  float64       // that engines were busy for it; several count each
	Busy     float64       // engines that were busy for it, mean over BusySpan
	BusySpan time.Duration // about a minute; less for one that has not been seen for so long
	Unread   Reason        // why its descriptors could not be read; "" if they could
}

// GPUTotals are the seconds that GPUs were busy by whose programs kept them so. None
// ever goes back.
type GPUTotals struct {
	Seconds map[OriginKey]float64
}
