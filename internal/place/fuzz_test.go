package place

import (
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// FuzzOrigin: a path of any bytes has one of the known origins, and what lies in a directory that everybody may write
// to is never taken for the system's.
func FuzzOrigin(f *testing.F) {
	for _, path := range []string{
		"", "/", "/tmp/kdevtmpfsi", "/proc/self/root/tmp/x", "/usr/bin/../../tmp/x", "/memfd:x (deleted)", "/home/eve/.x/y", "/dev/shm//x",
		"/var/lib/docker/overlay2/0/diff/tmp/x", "\xff\n", "/tmp", "/tmpx", "/run/user/1000/x", "/nix/store/x",
	} {
		f.Add(path, false)
		f.Add(path, true)
	}
	f.Fuzz(func(t *testing.T, path string, deleted bool) {
		origin, _ := Origin(path, deleted)
		if origin == "" {
			t.Errorf("%q has no origin", path)
		}
		if strings.Contains(path, "..") {
			return
		}
		for _, directory := range []string{
			"/tmp", "/var/tmp", "/dev/shm", "/private/tmp", "/var/run/user", "//tmp/./", "/usr/../tmp", "/proc/self/root/tmp", "/proc/1/root/proc/self/root/proc/self/root/var/tmp",
		} {
			below := directory + "/x" + path
			if got, _ := Origin(below, deleted); got == model.OriginSystem || got == model.OriginLocal || !IsTemporary(below) {
				t.Errorf("%q is of origin %s", below, got)
			}
		}
		IsHidden(path)
		IsDevice(path)
	})
}
