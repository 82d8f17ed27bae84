package inspect

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	equalLeast  = 0.5 // cores of a thread
	equalSpread = 0.1
)

// threads returns what each thread has used, in seconds. One that ends meanwhile
// is left out.
func (i *Inspector) threads(pid int) (map[int]float64, error) {
	names, err := hostfs.ReadNames(i.path(pid, "task"), maxThreads)
	if err != nil {
		return nil, err
	}
	used := make(map[int]float64, len(names))
	var failed error
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		seconds, err := i.thread(pid, name)
		switch {
		case err == nil:
			used[tid] = seconds
		case !hostfs.Vanished(err):
			failed = err
		}
	}
	return used, failed
}

// thread reads user and system time of one thread, fields 14 and 15 of its stat.
func (i *Inspector) thread(pid int, name string) (float64, error) {
	content, err := hostfs.ReadStart(i.path(pid, "task/"+name+"/stat"), statLimit)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat of a thread: %w", errLayout)
	}
	user, errUser := strconv.ParseUint(fields[11], 10, 64)
	system, errSystem := strconv.ParseUint(fields[12], 10, 64)
	if errUser != nil || errSystem != nil {
		return 0, fmt.Errorf("stat of a thread: %w", errLayout)
	}
	return (float64(user) + float64(system)) / userHz, nil
}

// EqualThreads counts the threads that work alike: at least half a core each,
// and within a tenth of the busiest. before and after are Facts.Threads, so many
// seconds apart.
func EqualThreads(before, after map[int]float64, seconds float64) int {
	if seconds <= 1 {
		return 0
	}
	most := 0.0
	var loads []float64
	for tid, used := range after {
		if earlier, ok := before[tid]; ok {
			load := (used - earlier) / seconds
			loads = append(loads, load)
			most = math.Max(most, load)
		}
	}
	count := 0
	for _, load := range loads {
		if load >= equalLeast && load >= most*(1-equalSpread) {
			count++
		}
	}
	if count < 2 {
		return 0
	}
	return count
}
