package gpu

import (
	"bytes"
	"strconv"
	"strings"
)

const (
	maxInfoBytes = 16 << 10 // of one fdinfo file: real ones are shorter than 2 KiB
	maxEngines   = 32       // of one client
	maxEngine    = 64       // bytes of an engine's name
	maxCapacity  = 64       // engines of one kind
)

// clientKey names one open DRM file: two descriptors may share it
// (Documentation/gpu/drm-usage-stats.rst).
type clientKey struct {
	driver, device, id string
}

// engine is what one kind of engine did for a client since it was opened.
type engine struct {
	nanoseconds   uint64 // busy
	timed         bool   // nanoseconds is known
	cycles, total uint64 // busy cycles, and all that passed (the driver xe)
	capacity      uint64 // how many engines there are of the kind
	hasTotal      bool
}

// usage is what fdinfo tells of a client.
type usage struct {
	key     clientKey
	engines map[string]engine
}

// parseInfo reads a file of /proc/PID/fdinfo as the kernel's
// Documentation/gpu/drm-usage-stats.rst describes it. ok is false for what is no
// DRM file, or does not say which client it belongs to. Lines that are not as described
// are left out.
func parseInfo(content []byte) (u usage, ok bool) {
	u.engines = map[string]engine{}
	for line := range bytes.SplitSeq(content[:min(len(content), maxInfoBytes)], []byte{'\n'}) {
		name, value, found := strings.Cut(string(line[:min(len(line), 256)]), ":")
		name, isDRM := strings.CutPrefix(name, "drm-")
		if !found || !isDRM {
			continue
		}
		value = strings.TrimSpace(value)
		switch name {
		case "driver":
			u.key.driver = value
			continue
		case "pdev":
			u.key.device = value
			continue
		case "client-id":
			if _, err := strconv.ParseUint(value, 10, 64); err == nil {
				u.key.id = value
			}
			continue
		}
		u.add(name, value)
	}
	return u, u.key.driver != "" && u.key.id != ""
}

// add takes in one line about an engine.
func (u *usage) add(name, value string) {
	for _, prefix := range []string{"engine-capacity-", "engine-", "total-cycles-", "cycles-"} {
		of, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if of == "" || len(of) > maxEngine || u.engines[of] == (engine{}) && len(u.engines) >= maxEngines {
			return
		}
		number, unit, _ := strings.Cut(value, " ")
		n, err := strconv.ParseUint(number, 10, 63)
		if err != nil {
			return // negative, or larger than what any GPU has done
		}
		e := u.engines[of]
		switch prefix {
		case "engine-capacity-":
			e.capacity = min(n, maxCapacity)
		case "engine-":
			if strings.TrimSpace(unit) != "ns" {
				return
			}
			// amdgpu lists some names twice, for two blocks of its hardware.
			e.nanoseconds, e.timed = e.nanoseconds+min(n, 1<<62-min(e.nanoseconds, 1<<62)), true
		case "total-cycles-":
			e.total, e.hasTotal = n, true
		case "cycles-":
			e.cycles = n
		}
		u.engines[of] = e
		return
	}
}

// computes tells an engine that only computes from those that draw, copy or decode
// too: `compute` of i915 and amdgpu, `ccs` of xe, `csd` of v3d.
func computes(engine string) bool {
	return strings.HasPrefix(engine, "compute") || engine == "ccs" || engine == "csd"
}
