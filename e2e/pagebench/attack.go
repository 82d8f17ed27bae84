package main

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// lifetime ends every program of an attack, whatever became of the bench.
const lifetime = 5 * time.Minute

// attack is one program that is started, and the files that it needs. The mark
// of its run stands in every path, so that findings can be told apart.
type attack struct {
	files []string // copies of the burner
	argv  []string // of the first file; nil means its path
	task  task.Task
}

// kind makes attacks of one kind.
type kind struct {
	name string
	make func(mark string) attack
	back bool // what it shows is that it comes back: until then there is nothing to find
}

// kinds are attacks that show what they are without CPU history.
func kinds() []kind {
	burning := task.Task{Threads: 1, Limit: lifetime}
	return []kind{
		{name: "known name in `/tmp`", make: func(mark string) attack {
			return attack{files: []string{"/tmp/kdevtmpfsi" + mark}, task: burning}
		}},
		{name: "random name in `/tmp`, brought back by its guardian in `/var/tmp`", back: true, make: func(mark string) attack {
			crashing := task.Task{Threads: 1, Limit: 3 * time.Second}
			guardian, burner := "/var/tmp/w"+mark, "/tmp/b"+mark
			return attack{files: []string{guardian, burner}, task: task.Task{Restart: &task.Child{Path: burner, Task: crashing}, Limit: lifetime}}
		}},
		{name: "arguments of a miner, installed program", make: func(mark string) attack {
			path := installed(mark)
			return attack{files: []string{path}, argv: []string{path, "-o", "stratum+tcp://127.66.0.9:3333", "--donate-level", "1"}, task: burning}
		}},
		{name: "program in memory, called like a kernel thread", make: func(mark string) attack {
			hidden := burning
			hidden.Memfd, hidden.Comm = mark, "kworker/0:2"
			return attack{files: []string{installed(mark)}, argv: []string{"[kworker/0:2]"}, task: hidden}
		}},
		{name: "`kswapd0` in a hidden directory in `/var/tmp`", make: func(mark string) attack {
			return attack{files: []string{"/var/tmp/.X" + mark + "-unix/kswapd0"}, argv: []string{"kswapd0"}, task: burning}
		}},
	}
}

// installed is a path that an administrator might have chosen.
func installed(mark string) string {
	return filepath.Join("/usr/local/lib", "cryptojack-pagebench-"+mark, "worker")
}

// newMark is 9 random digits: known miners' names may end in digits.
func newMark() string {
	var mark strings.Builder
	for range 9 {
		mark.WriteByte(byte('0' + rand.IntN(10)))
	}
	return mark.String()
}
