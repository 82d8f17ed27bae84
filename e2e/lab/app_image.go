package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// programFolder is a file system in user space that shows one program, as an AppImage
// shows what is in it (fuse(4)).
type programFolder struct {
	fs.Inode
	name    string
	content []byte
}

// OnAdd puts the program into it. go-fuse calls it when the file system is mounted.
func (f *programFolder) OnAdd(ctx context.Context) {
	program := &fs.MemRegularFile{Data: f.content, Attr: fuse.Attr{Mode: 0o755}}
	f.AddChild(f.name, f.NewPersistentInode(ctx, program, fs.StableAttr{}), false)
}

// mountProgram shows a burner, and nothing else, in a directory of the scenario.
func (s *session) mountProgram(directory, name, source string) {
	s.directory(directory)
	if s.stopped() {
		return
	}
	content, err := os.ReadFile(s.burner)
	if err != nil {
		s.fail(err)
		return
	}
	folder := &programFolder{name: name, content: append(content, s.tracker.run+directory...)}
	server, err := fs.Mount(directory, folder, &fs.Options{MountOptions: fuse.MountOptions{
		AllowOther: true, DirectMount: true, FsName: source, Name: name, Options: []string{"ro"},
	}})
	if err != nil {
		s.fail(fmt.Errorf("mount %s: %w", directory, err))
		return
	}
	s.undo = append(s.undo, server.Unmount)
}
