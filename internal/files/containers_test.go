package files

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
)

// TestContainers looks into the same directories of other mount namespaces: one
// with a hidden program, one that shares the host's directories, one that has
// ended, and one whose first process cannot be read.
func TestContainers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Limits{}, "/tmp", "/dev/shm")
	proc, inside := t.TempDir(), t.TempDir()
	for _, directory := range []string{filepath.Join(proc, "70"), filepath.Join(proc, "71"), filepath.Join(inside, "tmp/.x")} {
		f.must(os.MkdirAll(directory, 0o755))
	}
	f.must(os.Symlink(inside, filepath.Join(proc, "70/root")))
	f.must(os.Symlink(f.root, filepath.Join(proc, "71/root")))
	f.must(os.WriteFile(filepath.Join(inside, "tmp/.x/kdevtmpfsi"), []byte(elfFile(executable, "1")), 0o755))
	f.must(os.WriteFile(filepath.Join(inside, "tmp/notes"), []byte("the benign counterpart"), 0o755))
	f.write("/tmp/tool", elfFile(executable, "2"), 0o755)
	options := f.options
	options.Proc = proc
	options.UserName = func(uid uint32) string { return "user " + passwd.Number(uid) }
	options.Processes = func() *model.ProcessSnapshot {
		process := func(pid int, namespace, container string) *model.Process {
			p := &model.Process{Identity: model.Identity{PID: pid}, MountNS: namespace, ContainerID: container}
			if pid == 70 {
				p.Container = &model.Container{Name: "shop-redis-1"}
			}
			return p
		}
		return &model.ProcessSnapshot{Processes: []*model.Process{
			process(69, "mnt:[0]", "0123456789ab"), process(70, "mnt:[0]", "0123456789ab"), process(71, "mnt:[1]", ""), process(72, "mnt:[2]", ""),
		}}
	}
	s := New(options)
	f.must(s.Sample(t.Context(), time.Unix(1, 0)))

	snapshot := s.Snapshot()
	containers := map[string]string{}
	for _, file := range snapshot.Files {
		containers[file.Path] = file.Container
		if title := map[string]string{"0123456789ab": "shop-redis-1"}[file.Container]; file.ContainerTitle != title {
			t.Errorf("%s lies in %q, want %q", file.Path, file.ContainerTitle, title)
		}
		if name := "user " + passwd.Number(uint32(os.Getuid())); file.Container == "" && file.User != name {
			t.Errorf("%s of the host belongs to %q", file.Path, file.User)
		}
		if file.Container != "" && file.User != passwd.Number(uint32(os.Getuid())) {
			t.Errorf("%s of a container belongs to %q, a name of the host", file.Path, file.User)
		}
	}
	if len(containers) != 2 || containers["/tmp/.x/kdevtmpfsi"] != "0123456789ab" || containers["/tmp/tool"] != "" {
		t.Errorf("%v", containers)
	}
	if got := snapshot.Counts[model.FileCount{Directory: "/tmp", Reason: model.FileKnownMiner}]; got != 1 {
		t.Errorf("%d known miners in /tmp, want 1", got)
	}
	if share := snapshot.Visibility[model.AspectTemp]; share.Readable != share.Total || share.Total != 4 { // /tmp, /dev/shm, the container's /tmp and /tmp/.x
		t.Errorf("%+v", share)
	}

	// The container ends: nothing of it is remembered.
	options.Processes = func() *model.ProcessSnapshot { return nil }
	s.options.Processes = options.Processes
	f.must(s.Sample(t.Context(), time.Unix(2, 0)))
	if files := s.Snapshot().Files; len(files) != 1 || len(s.found.files) != 1 || s.layers[0].remembered != 2 || s.layers[1].remembered != 0 {
		t.Errorf("after the container: %+v, %d and %d directories", files, s.layers[0].remembered, s.layers[1].remembered)
	}
}
