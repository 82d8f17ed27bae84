package sockets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// withInodes are sockets with the given inodes.
func withInodes(inodes ...uint64) (sockets []model.Socket) {
	for _, inode := range inodes {
		sockets = append(sockets, model.Socket{Inode: inode})
	}
	return sockets
}

// rested returns a clock that goes on by the rest which follows a search on a slow machine.
func rested() func() time.Time {
	now := time.Unix(0, 0)
	return func() time.Time {
		now = now.Add(longestRest)
		return now
	}
}

func TestSteadyHostIsNotSearched(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.process(50, 1, "/x", nil, 11)
	o := newOwners(newProcessReader(f.root, newFailures(log.NewNopLogger())))
	known := newCatalogue(t)
	now := rested()
	for range 2*retryEvery + 1 {
		o.find(now(), withInodes(11), known)
	}
	if o.searches != 1 {
		t.Errorf("%d searches although all is known, want 1", o.searches)
	}
	for range 2*retryEvery + 1 {
		o.find(now(), withInodes(0, 11, 12), known) // 0: a socket of nobody
	}
	if o.searches != 4 {
		t.Errorf("%d searches with an unknown socket, want 4", o.searches)
	}
	f.process(51, 2, "/y", nil, 13)
	if found := o.find(now(), withInodes(11, 12, 13), known); found[13].owner == nil || o.searches != 5 {
		t.Errorf("a new socket was not looked for at once: %d searches", o.searches)
	}
}

func TestLongSearchIsFollowedByARest(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.process(50, 1, "/x", nil, 11)
	o := newOwners(newProcessReader(f.root, newFailures(log.NewNopLogger())))
	o.notBefore = time.Unix(100, 0)
	known := newCatalogue(t)
	if found := o.find(time.Unix(99, 0), withInodes(11), known); len(found) != 0 || o.searches != 0 {
		t.Errorf("searched within the rest: %v", found)
	}
	if found := o.find(time.Unix(100, 0), withInodes(11), known); len(found) != 1 {
		t.Error("the socket was forgotten over the rest")
	}
}

// TestOwnerChanges follows one owner through what may happen to it.
func TestOwnerChanges(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	o := newOwners(newProcessReader(f.root, newFailures(log.NewNopLogger())))
	known := newCatalogue(t)
	now := rested()
	owner := func(c *catalogue.Catalogue) owner {
		t.Helper()
		found := o.find(now(), withInodes(11, 12), c)
		if found[11].owner == nil || found[11].owner != found[12].owner {
			t.Fatalf("two sockets of one process: %+v", found)
		}
		return *found[11].owner
	}

	f.process(50, 1, "/usr/bin/sh", []string{"sh"}, 11, 12)
	if got := owner(known); got.evidence != "" || got.exe != "/usr/bin/sh" {
		t.Errorf("%+v", got)
	}
	f.process(50, 1, "/usr/bin/java", []string{"java", "org.apache.flink.X"}, 11, 12)
	if got := owner(known); got.evidence != "flink" || got.exe != "/usr/bin/java" {
		t.Errorf("after an exec: %+v", got)
	}
	f.process(50, 1, "/usr/bin/java", []string{"java", "mine.Main"}, 11, 12)
	for range retryEvery {
		owner(known)
	}
	if got := owner(known); got.evidence != "" {
		t.Errorf("after it set a title: %+v", got)
	}
	extended := newCatalogue(t, catalogue.Service{App: "mine", CommandLine: []string{"mine.Main"}})
	if got := owner(extended); got.evidence != "mine" {
		t.Errorf("after a reload: %+v", got)
	}
	f.process(50, 1, "/usr/bin/java", []string{"java", "mine.Main"}, 12) // 11 is closed
	f.process(60, 5, "/usr/sbin/nginx", nil, 11)
	found := o.find(now(), withInodes(11, 12), extended)
	if found[11].owner.identity.PID != 60 || found[12].owner.identity.PID != 50 {
		t.Errorf("a socket that was handed on: %+v", found)
	}
	if o.find(now(), nil, extended); len(o.known) != 0 {
		t.Errorf("closed sockets are remembered: %+v", o.known)
	}
}

func TestLongCommandLine(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	path := strings.Repeat("/opt/flink/lib/x.jar:", 2000) // 42,000 bytes
	f.process(50, 1, "/usr/bin/java", []string{"java", "-cp", path, "org.apache.flink.X"}, 11)
	f.process(51, 1, "/usr/bin/java", []string{"java", "-cp", path + path, "org.apache.flink.X"}, 12)
	o := newOwners(newProcessReader(f.root, newFailures(log.NewNopLogger())))
	found := o.find(time.Unix(1, 0), withInodes(11, 12), newCatalogue(t))
	if found[11].owner.evidence != "flink" || found[12].owner.evidence != "" {
		t.Errorf("%+v, %+v; want flink within %d bytes", found[11].owner, found[12].owner, argvLimit)
	}
}

// TestTroubles counts what cannot be read and goes on.
func TestTroubles(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.process(50, 1, "/x", nil, 11)
	f.process(51, 2, "/x", nil)
	if err := os.RemoveAll(filepath.Join(f.root, "51/fd")); err != nil { // has just ended
		t.Fatal(err)
	}
	f.process(52, 3, "/x", nil)
	if err := os.RemoveAll(filepath.Join(f.root, "52/fd")); err != nil {
		t.Fatal(err)
	}
	f.write("52/fd", "no directory")
	f.write("53/stat", "no stat")
	if err := os.MkdirAll(filepath.Join(f.root, "54"), 0o755); err != nil { // ended before
		t.Fatal(err)
	}
	f.process(55, 4, "/x", nil)
	for i := range 2 * fdBatch {
		f.link("/dev/null", filepath.Join(f.root, "55/fd", strconv.Itoa(10+i)))
	}
	f.process(56, 5, "/x", nil, 12)
	f.link("socket:[abc]", filepath.Join(f.root, "56/fd/90"))
	f.link("socket:[12", filepath.Join(f.root, "56/fd/91"))

	failed := newFailures(log.NewNopLogger())
	o := newOwners(newProcessReader(f.root, failed))
	o.fdLimit = fdBatch
	found := o.find(time.Unix(1, 0), withInodes(11, 12, 13), newCatalogue(t))
	if len(found) != 2 || found[11].owner.identity.PID != 50 || found[12].owner.identity.PID != 56 {
		t.Errorf("%+v", found)
	}
	if want := (model.Share{Readable: 2, Total: 5}); o.share != want {
		t.Errorf("share %+v, want %+v", o.share, want)
	}
	for reason, want := range map[model.Reason]uint64{model.ReasonVanished: 2, model.ReasonParse: 1, model.ReasonOther: 2} {
		if got := failed.counts[model.ReadError{Aspect: model.AspectFd, Reason: reason}]; got != want {
			t.Errorf("%s: %d, want %d (%v)", reason, got, want, failed.counts)
		}
	}
}

// TestNoTime shows that a search that is out of time says what it did not see.
func TestNoTime(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	f.process(50, 1, "/x", nil, 11)
	failed := newFailures(log.NewNopLogger())
	o := newOwners(newProcessReader(f.root, failed))
	o.searchTime = -time.Second
	o.find(time.Unix(1, 0), withInodes(11), newCatalogue(t))
	if o.share.Total != 1 || o.share.Readable != 0 || failed.counts[model.ReadError{Aspect: model.AspectFd, Reason: model.ReasonTimeout}] != 1 {
		t.Errorf("share %+v, errors %v", o.share, failed.counts)
	}
}

// TestStuckCommandLine has an owner whose memory never answers.
func TestStuckCommandLine(t *testing.T) {
	t.Parallel()
	f := fakeProc{t, t.TempDir()}
	release := make(chan struct{})
	guard := hostfs.NewGuard(1)
	if _, err := hostfs.Within(guard, time.Millisecond, func() (bool, error) { <-release; return true, nil }); !errors.Is(err, hostfs.ErrTimeout) {
		t.Fatalf("a stuck read gave %v", err)
	}
	f.process(50, 1, "/usr/bin/dockerd", []string{"dockerd"}, 11)
	failed := newFailures(log.NewNopLogger())
	o := newOwners(newProcessReader(f.root, failed))
	o.processes.guard = guard
	found := o.find(time.Unix(1, 0), withInodes(11), newCatalogue(t))
	if found[11].owner == nil || found[11].owner.evidence != "docker" || failed.counts[model.ReadError{Aspect: model.AspectFd, Reason: model.ReasonTimeout}] != 1 {
		t.Errorf("the executable is evidence enough: %+v %v", found[11].owner, failed.counts)
	}
	close(release)
	for guard.Stuck() != 0 {
		time.Sleep(time.Millisecond)
	}
	if answer, err := hostfs.Within(guard, time.Minute, func() (int, error) { return 7, nil }); answer != 7 || err != nil {
		t.Errorf("after the stuck read came back: %d %v", answer, err)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want model.Reason
	}{
		{errLine, model.ReasonParse},
		{errStat, model.ReasonParse},
		{errEmpty, model.ReasonParse},
		{errDescriptors, model.ReasonOther},
	} {
		if got := hostfs.ReasonOf(fmt.Errorf("read x: %w", test.err)); got != test.want {
			t.Errorf("%v: %s, want %s", test.err, got, test.want)
		}
	}
}
