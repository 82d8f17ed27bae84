// Package task describes what a burner of the lab does. The description travels in an
// environment variable, so that the arguments stay free for disguises.
package task

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

const (
	// Variable holds a Task as JSON.
	Variable = "CRYPTOJACK_LAB_TASK"
	// Marker holds RUN/SCENARIO in every process that the lab starts.
	Marker = "CRYPTOJACK_LAB"
)

// Memory is the form of a burner's memory map.
type Memory string

// The forms. Those of RandomX are all in use, and have compiled code beside them.
const (
	Fast        Memory = "fast"         // the dataset of RandomX: one rw-p mapping of 2,080 MiB
	FastExec    Memory = "fast-exec"    // the same, and executable
	Merged      Memory = "merged"       // dataset, cache and two scratchpads as xmrig takes them: one mapping of 2,396,176 KiB
	Shared      Memory = "shared"       // the dataset in shared anonymous memory
	MemoryFile  Memory = "memory-file"  // the dataset in a file that is only in memory (memfd_create)
	SysV        Memory = "sysv"         // the dataset in shared memory of System V
	Split       Memory = "split"        // the dataset, with one page of other permissions in it
	Light       Memory = "light"        // 256 MiB rwxp, and 2 MiB for each thread
	LightMerged Memory = "light-merged" // cache and two scratchpads in one mapping of 266,252 KiB
	Large       Memory = "large"        // 2,000 MiB rw-p, as any program may have, little of it in use
	Reserve     Memory = "reserve"      // 2,080 MiB that nothing may be done with yet, with compiled code: no RandomX
	Untouched   Memory = "untouched"    // 2,080 MiB that may be used and are not, with compiled code: no RandomX
)

// Task is what one burner does. The zero value does nothing until its time is up.
type Task struct {
	Threads   int           `json:"threads,omitempty"` // that burn
	Duty      float64       `json:"duty,omitempty"`    // share of a core for each thread; 0 means all of it
	Memory    Memory        `json:"memory,omitempty"`
	Connect   string        `json:"connect,omitempty"` // address of a connection that stays open
	Listen    string        `json:"listen,omitempty"`
	Answers   []Answer      `json:"answers,omitempty"` // to HTTP requests; none: it only accepts
	Map       string        `json:"map,omitempty"`     // a library that it maps and does not use
	Comm      string        `json:"comm,omitempty"`    // name to take
	ZeroArgv  bool          `json:"zero_argv,omitempty"`
	Delete    bool          `json:"delete,omitempty"`    // removes its own file
	Memfd     string        `json:"memfd,omitempty"`     // goes on from memory, under that name
	Detach    int           `json:"detach,omitempty"`    // forks so often, with a session of its own
	Limit     time.Duration `json:"limit,omitempty"`     // ends by itself after that
	Hop       time.Duration `json:"hop,omitempty"`       // goes on in a new process of the same program so often
	HopTo     []string      `json:"hop_to,omitempty"`    // and in the next of these programs, by exec in the same process
	Restart   *Child        `json:"restart,omitempty"`   // started again whenever it ends
	Mutate    bool          `json:"mutate,omitempty"`    // changes that child's file before each start
	Start     []Child       `json:"start,omitempty"`     // started once
	Container *Container    `json:"container,omitempty"` // the first process of a container
}

// Answer is what a server says to one request.
type Answer struct {
	Path   string `json:"path"` // with the query
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// Child is another burner to start.
type Child struct {
	Path string   `json:"path"`
	Argv []string `json:"argv,omitempty"` // with the name; nil means Path
	Task Task     `json:"task"`
}

// Container makes a container's /tmp with a copy of the burner in it.
type Container struct {
	Copy string `json:"copy"`           // where it lies
	Mark string `json:"mark"`           // makes its content differ
	Run  *Task  `json:"run,omitempty"`  // runs it as User
	User uint32 `json:"user,omitempty"` // and the group with the same number
}

// Encode is the task as NAME=VALUE.
func (t Task) Encode() (string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("encode a task: %w", err)
	}
	return Variable + "=" + string(text), nil
}

// Decode reads the task of this process.
func Decode() (Task, error) {
	var t Task
	if err := json.Unmarshal([]byte(os.Getenv(Variable)), &t); err != nil {
		return Task{}, fmt.Errorf("%s: %w", Variable, err)
	}
	return t, nil
}
