package sockets

import (
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const (
	// retryEvery is how many samples pass before sockets without an owner are
	// looked for again, and an owner's command line is read again, though nothing
	// changed.
	retryEvery = 10
	// A walk longer than cheapWalk is followed by a rest of walkRest times as
	// long: it costs at most 5 % of one core, also while somebody opens a new
	// socket every second.
	cheapWalk   = 50 * time.Millisecond
	walkRest    = 20
	longestRest = time.Minute
)

// owner is a process that holds sockets.
type owner struct {
	identity  model.Identity
	comm      string
	exe       string
	arguments                      // its command line is not kept: an attacker chooses its size
	catalogue *catalogue.Catalogue // that gave the evidence
	samples   int                  // since the command line was read
}

// arguments is what is made of a command line.
type arguments struct {
	evidence string             // the app that it is, in the eyes of a catalogue
	part     bool               // it belongs to that app and is no door of its own
	logFile  string             // of Flink's JVM; ""
	forwards *model.PortForward // by a docker-proxy; nil
}

// holding is a socket's owner and the descriptor that the socket was seen at.
type holding struct {
	owner *owner
	fd    string
}

// owners finds the processes behind sockets. It walks the descriptors of all
// processes only when there is a socket that it does not know: a steady host
// costs one readlink for each socket.
type owners struct {
	proc      string
	known     map[uint64]holding
	missing   map[uint64]bool // looked for by the last walk and not found
	since     int             // samples since the last walk
	walks     int
	notBefore time.Time // of the next walk
	walkTime  time.Duration
	fdLimit   int
	share     model.Share // of the last walk
	errors    map[model.ReadError]uint64
	guard     *hostfs.Guard // of command lines
}

func newOwners(proc string, errors map[model.ReadError]uint64) *owners {
	return &owners{
		proc: proc, known: map[uint64]holding{}, missing: map[uint64]bool{}, errors: errors,
		walkTime: 5 * time.Second, fdLimit: 1 << 16, guard: hostfs.NewGuard(8),
	}
}

// find returns the owners of sockets by inode, as far as they can be seen. The
// caller must not change the map.
func (o *owners) find(now time.Time, sockets []model.Socket, catalogue *catalogue.Catalogue) map[uint64]holding {
	inodes := make(map[uint64]bool, len(sockets))
	for i := range sockets {
		if sockets[i].Inode != 0 {
			inodes[sockets[i].Inode] = true
		}
	}
	o.verify(inodes, catalogue)
	wanted, isNew := map[uint64]bool{}, false
	for inode := range inodes {
		if _, ok := o.known[inode]; !ok {
			wanted[inode] = true
			isNew = isNew || !o.missing[inode]
		}
	}
	o.since++
	if len(wanted) == 0 || !isNew && o.since < retryEvery || now.Before(o.notBefore) {
		return o.known
	}
	began := time.Now()
	o.walk(wanted, catalogue)
	o.missing, o.since = wanted, 0
	o.walks++
	if spent := time.Since(began); spent > cheapWalk {
		o.notBefore = now.Add(min(walkRest*spent, longestRest))
	}
	return o.known
}

// verify forgets the sockets that are closed or have gone to another process.
func (o *owners) verify(inodes map[uint64]bool, catalogue *catalogue.Catalogue) {
	lives := map[*owner]bool{}
	for inode, held := range o.known {
		target, err := os.Readlink(o.path(held.owner.identity.PID, "fd/"+held.fd))
		if !inodes[inode] || err != nil || target != socketName(inode) {
			delete(o.known, inode)
			continue
		}
		same, asked := lives[held.owner]
		if !asked {
			same = o.renew(held.owner, catalogue)
			lives[held.owner] = same
		}
		if !same {
			delete(o.known, inode)
		}
	}
}

// renew tells whether an owner is still the same process. It looks again at
// what the process runs where that may have changed: after an exec, with
// another catalogue, and once in a while, since a program may set its title.
func (o *owners) renew(known *owner, catalogue *catalogue.Catalogue) bool {
	comm, start, err := o.stat(known.identity.PID)
	if err != nil || start != known.identity.StartTime {
		return false
	}
	exe := o.exe(known.identity.PID)
	known.samples++
	if comm == known.comm && exe == known.exe && catalogue == known.catalogue && known.samples < retryEvery {
		return true
	}
	told, err := o.arguments(known.identity.PID, exe, catalogue)
	if err != nil && exe == known.exe && catalogue == known.catalogue {
		told = known.arguments
	}
	known.comm, known.exe, known.arguments, known.catalogue, known.samples = comm, exe, told, catalogue, 0
	return true
}

func (o *owners) path(pid int, name string) string {
	return filepath.Join(o.proc, strconv.Itoa(pid), name)
}

func (o *owners) failed(err error) {
	o.errors[model.ReadError{Aspect: model.AspectFd, Reason: hostfs.ReasonOf(err)}]++
}
