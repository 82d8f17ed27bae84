package passwd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

// host is a root directory with a passwd file.
type host struct {
	t    *testing.T
	root string
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, root: t.TempDir()}
	if err := os.Mkdir(filepath.Join(h.root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) path() string { return filepath.Join(h.root, "etc/passwd") }

func (h *host) write(content string) {
	h.t.Helper()
	if err := os.WriteFile(h.path(), []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) refresh(users *Users) {
	h.t.Helper()
	if err := users.Refresh(); err != nil {
		h.t.Fatal(err)
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	users := New(h.root)
	if err := users.Refresh(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	if got := users.Name(1000); got != "1000" || users.Table() != nil {
		t.Errorf("without a file: got %q, want the number", got)
	}
	h.write("root:x:0:0:root:/root:/bin/bash\n" +
		"broken line\n:x:5:5::/:\n#old:x:6:6::/:/bin/sh\n" +
		"flink:x:9999:9999::/opt/flink:/bin/sh\r\n" +
		"second:x:9999:9999::/:/bin/sh\n" +
		"short:x:7\n" +
		"huge:x:99999999999:0::/:/bin/sh\n")
	h.refresh(users)
	for uid, want := range map[uint32]string{0: "root", 9999: "flink", 7: "short", 5: "5", 6: "6", 1: "1"} {
		if got := users.Name(uid); got != want {
			t.Errorf("Name(%d) = %q, want %q", uid, got, want)
		}
	}
	want := []User{
		{Name: "root", Home: "/root", Shell: "/bin/bash"},
		{Name: "flink", UID: 9999, GID: 9999, Home: "/opt/flink", Shell: "/bin/sh"},
		{Name: "second", UID: 9999, GID: 9999, Home: "/", Shell: "/bin/sh"},
		{Name: "short", UID: 7},
	}
	if diff := cmp.Diff(want, users.Table().Users); diff != "" {
		t.Error(diff)
	}
}

// TestUsersAreReadAgain adds a user while the exporter runs, as useradd(8) does, by
// a new file in the place of the old one; and edits the file in its place.
func TestUsersAreReadAgain(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	users := New(h.root)
	h.write("root:x:0:0::/root:/bin/sh\n")
	h.refresh(users)
	first := users.Table()
	h.refresh(users)
	if users.Table() != first {
		t.Error("a file that did not change was read again")
	}
	next := h.path() + "+"
	if err := os.WriteFile(next, []byte("root:x:0:0::/root:/bin/sh\neve:x:1000:1000::/home/eve:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, h.path()); err != nil {
		t.Fatal(err)
	}
	h.refresh(users)
	if got := users.Name(1000); got != "eve" {
		t.Errorf("a user who was added later is called %q", got)
	}
	h.write("renamed:x:1000:0::/:/bin/sh\n")
	h.refresh(users)
	if got := users.Name(1000); got != "renamed" {
		t.Errorf("after an edit: %q", got)
	}
	if err := os.Remove(h.path()); err != nil {
		t.Fatal(err)
	}
	if err := users.Refresh(); err == nil || users.Name(1000) != "renamed" {
		t.Errorf("a file that is gone took the names along: %q, %v", users.Name(1000), err)
	}
}

// TestUsersStayBelowTheRoot has links of the host lead where they lead on the host,
// and holds neither a FIFO nor a huge file up.
func TestUsersStayBelowTheRoot(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	users := New(h.root)
	if err := os.Symlink("/etc/other", h.path()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.root, "etc/other"), []byte("eve:x:1000:1000::/:\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.refresh(users)
	if got := users.Name(1000); got != "eve" {
		t.Errorf("through a link: %q", got)
	}
	if err := os.Truncate(filepath.Join(h.root, "etc/other"), 1<<40); err != nil {
		t.Fatal(err)
	}
	if err := users.Refresh(); !errors.Is(err, hostfs.ErrLimit) || users.Name(1000) != "eve" {
		t.Errorf("a file of 1 TB: %v, %q", err, users.Name(1000))
	}
	if err := users.Refresh(); !errors.Is(err, hostfs.ErrLimit) {
		t.Errorf("the second time: %v", err)
	}
}

func TestManyUsers(t *testing.T) {
	t.Parallel()
	table := parse(strings.Repeat("u:x:1:1::/:\n", maxUsers+1))
	if len(table.Users) != maxUsers || !errors.Is(table.err, hostfs.ErrLimit) {
		t.Errorf("%d users, %v", len(table.Users), table.err)
	}
}

func TestUsersOfSeveralGoroutines(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	users := New(h.root)
	var all sync.WaitGroup
	for i := range 4 {
		h.write(strings.Repeat("u", i+1) + ":x:1:1::/:\n")
		for range 4 {
			all.Go(func() {
				if err := users.Refresh(); err != nil {
					t.Error(err)
				}
				users.Name(1)
			})
		}
	}
	all.Wait()
	h.refresh(users)
	if got := users.Name(1); got != "uuuu" {
		t.Errorf("got %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/bash\n#\n::::\n")
	f.Fuzz(func(t *testing.T, content string) {
		for _, user := range parse(content).Users {
			if user.Name == "" || strings.ContainsAny(user.Name+user.Home+user.Shell, "\n") {
				t.Errorf("%+v", user)
			}
		}
	})
}
