package place

import (
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestOrigin(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		exe       string
		deleted   bool
		want      model.Origin
		directory string
	}{
		{"/tmp/kdevtmpfsi", false, model.OriginTemp, "/tmp"},
		{"/tmp/kdevtmpfsi", true, model.OriginDeleted, "deleted"},
		{"/var/tmp/kinsing", false, model.OriginTemp, "/var/tmp"},
		{"/var/../tmp/x", false, model.OriginTemp, "/tmp"},
		{"//tmp//x", false, model.OriginTemp, "/tmp"},
		{"/run/shm/x", false, model.OriginTemp, "/run/shm"},
		{"/var/run/user/1000/x", false, model.OriginTemp, "/run/user"},
		{"/dev/shm/x", false, model.OriginTemp, "/dev/shm"},
		{"/dev/x", false, model.OriginTemp, "/dev"},
		{"/proc/self/root/tmp/x", false, model.OriginTemp, "/tmp"},
		{"/memfd:x", true, model.OriginMemfd, "memfd"},
		{"/memfd:x", false, model.OriginOther, "other"}, // a file of that name in the root directory
		{"/home/a/x", false, model.OriginHome, "/home"},
		{"/root/x", true, model.OriginDeleted, "deleted"},
		{"/var/www/x", false, model.OriginWeb, "/var/www"},
		{"/usr/local/bin/x", false, model.OriginLocal, "/usr/local"},
		{"/usr/bin/x", false, model.OriginSystem, "/usr"},
		{"/usr/bin/x", true, model.OriginSystem, "/usr"}, // a package upgrade
		{"/usr/../tmp/x", false, model.OriginTemp, "/tmp"},
		{"/lib64/ld.so", false, model.OriginSystem, "/lib64"},
		{"/library/x", false, model.OriginOther, "other"},
		{"/tmpfoo", false, model.OriginOther, "other"},
		{"/tmp", false, model.OriginOther, "other"},
		{"/data/x", false, model.OriginOther, "other"},
		{"tmp/x", false, model.OriginOther, "other"},
		{"", false, model.OriginOther, "other"},
		{"/tmp/" + strings.Repeat("x/", 2000), false, model.OriginTemp, "/tmp"},
	} {
		if origin, directory := Origin(test.exe, test.deleted); origin != test.want || directory != test.directory {
			t.Errorf("%q, deleted %v: %s of %s, want %s of %s", test.exe, test.deleted, origin, directory, test.want, test.directory)
		}
	}
}

func TestIsTemporary(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"/tmp/x": true, "/var/tmp/x": true, "/dev/shm/x": true, "/run/user/0/x": true, "/run/shm/x": true, "/var/run/user/0/x": true,
		"/private/tmp/x": true, "/var/../tmp/x.so": true, "/proc/self/root/tmp/x": true, "/proc/self/root/../tmp/x": false,
		"//tmp//x": true, "/tmp/./x": true, "/dev/x": true, "/tmp/a/../../usr/x": false,
		"/tmp": false, "/tmp/": false, "/tmpfoo": false, "/usr/tmp/x": false, "tmp/x": false, "./x": false, "": false, "/home/a/tmp/x": false,
	} {
		if got := IsTemporary(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestIsDevice(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"/dev/null": true, "/dev/fd/63": true, "/dev/stdin": true, "/dev//tty": true, "/dev/shm/x": false, "/dev/x": false, "/null": false, "/dev": false,
	} {
		if got := IsDevice(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestIsHidden(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"/tmp/.x": true, "/tmp/.x/y": true, "/tmp/.ICE-unix/x": true, "/var/../tmp/.x/y": true, "/dev/shm/.a/b": true,
		"/usr/bin/.x": true, "/home/a/.cache/x": false, "/home/a/.x": true, "/home/a/.. /x": true, "/home/a/.../x": true, "/opt/ /x": true,
		"/opt/\u00a0/x": true, "/opt/\u200b/x": true, "/nix/store/a/bin/.x-wrapped": false, "/usr/bin/x": false, "/tmp/x": false, "": false,
	} {
		if got := IsHidden(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	for element, want := range map[string]bool{".x": true, "...": true, " ": true, "\u200b": true, "x": false, "x.": false, "": false} {
		if got := IsHiddenName(element); got != want {
			t.Errorf("name %q: %v", element, got)
		}
	}
}
