package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/crowd"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

func fuseTrials() []trial {
	return []trial{
		{
			name:  "arguments that never come",
			does:  "The arguments of 64 programs in /tmp lie in a file of a FUSE file system that never answers, and the exporter may have 256 threads, as by its unit.",
			short: true,
			before: func(s *session) ([]string, error) {
				group, err := s.cgroup("pids", map[string]string{"pids.max": "256"})
				return inCgroup(group), err
			},
			act:   stuckArguments,
			found: []string{`runs_from_temp.*/actor-arguments`, `runs_from_temp.*/innocent`},
		},
		{
			name:  "a program whose file stops answering",
			does:  "Eight programs run from a FUSE file system in /tmp that answers no more once they run.",
			short: true,
			act:   stuckPrograms,
			found: []string{`runs_from_temp.*/stuck-0`, `runs_from_temp.*/stuck-7`},
		},
	}
}

// folder is a file system of one file, whose reads wait while it is held.
type folder struct {
	fs.Inode
	name     string
	content  []byte
	hangs    atomic.Bool
	released chan struct{} // is closed in the end
}

// OnAdd puts the file into it. go-fuse calls it when the file system is mounted.
func (f *folder) OnAdd(ctx context.Context) {
	file := &slowFile{of: f}
	file.Data, file.Attr = f.content, fuse.Attr{Mode: 0o755}
	f.AddChild(f.name, f.NewPersistentInode(ctx, file, fs.StableAttr{}), false)
}

// slowFile answers reads when its folder lets it.
type slowFile struct {
	fs.MemRegularFile
	of *folder
}

// Open keeps nothing of what was read in memory.
func (*slowFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read waits until the folder is released.
func (f *slowFile) Read(ctx context.Context, handle fs.FileHandle, into []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	if f.of.hangs.Load() {
		select {
		case <-f.of.released:
		case <-ctx.Done(): // the reader was killed
			return nil, syscall.EINTR
		}
	}
	return f.MemRegularFile.Read(ctx, handle, into, offset)
}

// mount shows a file system in a new directory in /tmp. Its reads are released before it is unmounted.
func (s *session) mount(f *folder) (string, error) {
	top, err := s.scratch("/tmp")
	if err != nil {
		return "", err
	}
	place := filepath.Join(top, "fuse")
	if err := os.Mkdir(place, 0o755); err != nil {
		return "", err
	}
	f.released = make(chan struct{})
	server, err := fs.Mount(place, f, &fs.Options{MountOptions: fuse.MountOptions{
		AllowOther: true, DirectMount: true, FsName: "hostile", Name: "hostile", Options: []string{"ro"},
	}})
	if err != nil {
		return "", absentf("mount: %w", err)
	}
	s.later(server.Unmount)
	s.later(func() error { close(f.released); return nil })
	return place, nil
}

func stuckArguments(s *session) error {
	never := &folder{name: "arguments", content: make([]byte, 4096)}
	never.hangs.Store(true)
	place, err := s.mount(never)
	if err != nil {
		return err
	}
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	path := filepath.Join(top, "actor-arguments")
	if err := programs.Copy(s.set.actor, path, path); err != nil {
		return err
	}
	for range 64 {
		if _, err := s.startReady(exec.Command(path, "arguments", filepath.Join(place, "arguments"))); err != nil {
			return err
		}
	}
	return oneSleeper(s, "innocent", programs.Nobody) // one that must be seen all the same
}

func stuckPrograms(s *session) error {
	top, err := s.scratch("/tmp")
	if err != nil {
		return err
	}
	template := filepath.Join(top, "template")
	if err := crowd.WriteSleeper(template, template); err != nil {
		return err
	}
	content, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	for i := range 8 {
		// What is read behind the first pages hangs: the kernel has those in memory.
		name := fmt.Sprint("stuck-", i)
		f := &folder{name: name, content: append(content, make([]byte, 1<<20)...)}
		place, err := s.mount(f)
		if err != nil {
			return err
		}
		if err := s.startElsewhere(filepath.Join(place, name)); err != nil {
			return err
		}
		f.hangs.Store(true)
	}
	return nil
}

// startElsewhere has a shell start a program from a file system that this program serves. Go stops all of a
// process while it collects garbage, and waits for a thread in execve(2) then, which would wait for an answer.
func (s *session) startElsewhere(path string) error {
	started, err := s.start(exec.Command("sh", "-c", `exec "$0"`, path))
	if err != nil {
		return err
	}
	return eventually(s, usualWait, "it runs "+path, func() error {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", started.PID))
		if err == nil && target != path {
			err = fmt.Errorf("it runs %s", target)
		}
		return err
	})
}
