package privileges

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const free = firstFree

// TestChoose: the host's own user for this, else the first id that nobody has, may map, or runs with.
func TestChoose(t *testing.T) {
	t.Parallel()
	const name = "cryptojack_exporter"
	everything := "0 0 4294967295\n"
	identity := "0 0 65536\n"
	for what, test := range map[string]struct {
		passwd, subuid string
		processes      map[string]string // status and uid_map, by pid
		want           User
	}{
		"its own user":             {passwd: "root:x:0:0::/:/bin/sh\n" + name + ":x:998:997::/:/bin/false\n", want: User{name, 998, 997}},
		"another root":             {passwd: name + ":x:0:0::/:/bin/false\n", want: User{"", free, free}},
		"in root's group":          {passwd: name + ":x:998:0::/:/bin/false\n", want: User{"", free, free}},
		"a line without a group":   {passwd: name + ":x:998\n", want: User{"", free, free}},
		"no user":                  {want: User{"", free, free}},
		"the first id has a user":  {passwd: fmt.Sprintf("other:x:%d:1::/:/bin/sh\n", free), want: User{"", free + 1, free + 1}},
		"a process has the next":   {processes: map[string]string{"1": status(0, free, 7, free+1)}, want: User{"", free + 2, free + 2}},
		"a name like a line":       {processes: map[string]string{"1": `Name:	x\nUid:	60578` + status(0, 0, 0, 0)}, want: User{"", free, free}},
		"a user may map some":      {subuid: fmt.Sprintf("user:%d:10\nnonsense\n", free-5), want: User{"", free + 5, free + 5}},
		"a namespace maps some":    {processes: map[string]string{"7": status(0, 0, 0, 0) + "\x000 60578 3\n"}, want: User{"", free + 3, free + 3}},
		"the host's own namespace": {processes: map[string]string{"self": "\x00" + everything, "7": status(0, 0, 0, 0) + "\x00" + everything}, want: User{"", free, free}},
		"a namespace maps all":     {processes: map[string]string{"7": status(0, free, 0, 0) + "\x00" + identity}, want: User{"", free + 1, free + 1}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write(t, filepath.Join(root, "etc/passwd"), test.passwd)
			write(t, filepath.Join(root, "etc/subuid"), test.subuid)
			write(t, filepath.Join(root, "proc/version"), "Linux")
			for pid, content := range test.processes {
				status, ids, _ := strings.Cut(content, "\x00")
				write(t, filepath.Join(root, "proc", pid, "status"), status)
				write(t, filepath.Join(root, "proc", pid, "uid_map"), ids)
			}
			got, err := choose(name, root, filepath.Join(root, "proc"))
			if err != nil || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

// TestNoUserIsFree: the error says what to do.
func TestNoUserIsFree(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var all strings.Builder
	for id := firstFree; id <= lastFree; id++ {
		fmt.Fprintf(&all, "u%d:x:%d:1::/:/bin/sh\n", id, id)
	}
	write(t, filepath.Join(root, "etc/passwd"), all.String())
	write(t, filepath.Join(root, "proc/version"), "Linux")
	if _, err := choose("wanted", root, filepath.Join(root, "proc")); err == nil || !strings.Contains(err.Error(), "add a user wanted") {
		t.Error(err)
	}
	if _, err := choose("wanted", root, filepath.Join(root, "none")); err == nil {
		t.Error("a host without a procfs has users")
	}
}

// status is a process with these users.
func status(real, effective, saved, files uint32) string {
	return fmt.Sprintf("Name:\tx\nUmask:\t0022\nUid:\t%d\t%d\t%d\t%d\nGid:\t1\t1\t1\t1\n", real, effective, saved, files)
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
