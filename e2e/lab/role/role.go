// Package role is what the lab tells a burner to do. It travels in an
// environment variable, so that the arguments stay free for disguises.
package role

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

const (
	// Variable holds a Role as JSON.
	Variable = "CRYPTOJACK_LAB_ROLE"
	// Marker holds RUN/SCENARIO in every process that the lab starts.
	Marker = "CRYPTOJACK_LAB"
	// Nobody is the user and group of that name in Debian.
	Nobody = 65534
)

// Memory is the shape of a burner's memory map.
type Memory string

// The shapes. Fast and Light are those of RandomX.
const (
	Fast     Memory = "fast"      // one rw-p mapping of 2,080 MiB
	FastExec Memory = "fast-exec" // the same, and executable
	Light    Memory = "light"     // 256 MiB rwxp, and 2 MiB for each thread
	Large    Memory = "large"     // 2,000 MiB rw-p, as any program may have
)

// Role is what one burner does. The zero value does nothing until its time is up.
type Role struct {
	Threads  int           `json:"threads,omitempty"` // that burn
	Duty     float64       `json:"duty,omitempty"`    // share of a core for each thread; 0 means all of it
	Memory   Memory        `json:"memory,omitempty"`
	Connect  string        `json:"connect,omitempty"` // address of a connection that stays open
	Listen   string        `json:"listen,omitempty"`
	Comm     string        `json:"comm,omitempty"` // name to take
	ZeroArgv bool          `json:"zero_argv,omitempty"`
	Delete   bool          `json:"delete,omitempty"` // removes its own file
	Memfd    string        `json:"memfd,omitempty"`  // goes on from memory, under that name
	Detach   int           `json:"detach,omitempty"` // forks so often, with a session of its own
	Grow     bool          `json:"grow,omitempty"`   // the keeper changes the child's file before each start
	Limit    time.Duration `json:"limit,omitempty"`  // ends by itself after that
	Keep     *Child        `json:"keep,omitempty"`   // started again whenever it ends
	Start    []Child       `json:"start,omitempty"`  // started once
	Box      *Box          `json:"box,omitempty"`    // the first process of a container
}

// Child is another burner to start.
type Child struct {
	Path string   `json:"path"`
	Argv []string `json:"argv,omitempty"` // with the name; nil means Path
	Role Role     `json:"role"`
}

// Box makes a container's /tmp with a copy of the burner in it.
type Box struct {
	Copy string `json:"copy"`          // where it lies
	Mark string `json:"mark"`          // makes its content differ
	Run  *Role  `json:"run,omitempty"` // runs it as nobody
}

// Encode is the role as NAME=VALUE.
func (r Role) Encode() (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode a role: %w", err)
	}
	return Variable + "=" + string(text), nil
}

// Decode reads the role of this process.
func Decode() (Role, error) {
	var r Role
	if err := json.Unmarshal([]byte(os.Getenv(Variable)), &r); err != nil {
		return Role{}, fmt.Errorf("%s: %w", Variable, err)
	}
	return r, nil
}
