package main

import (
	"maps"
	"slices"
	"testing"
)

// fixedPaths are those that are the point of their scenario. All others are made
// anew for each run.
func fixedPaths() []string {
	return []string{
		"/data", "/etc/rc.local", "/gnu", "/nix", "/snap", "/tmp/. ", "/tmp/kdevtmpfsi", "/var/tmp/...", "/var/tmp/.ICEd-unix", "/var/tmp/kinsing",
		"/var/home", "/var/lib/rancher",
		"/dev/dri", "/dev/kfd", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools",
	}
}

func pathsOf(all []scenario) map[string][]string {
	owners := map[string][]string{}
	for i := range all {
		for _, path := range all[i].paths {
			owners[path] = append(owners[path], all[i].name)
		}
	}
	return owners
}

func TestNamesDiffer(t *testing.T) {
	t.Parallel()
	first, second := pathsOf(allScenarios(newNames(1))), pathsOf(allScenarios(newNames(2)))
	for _, path := range slices.Sorted(maps.Keys(first)) {
		if _, both := second[path]; both && !slices.Contains(fixedPaths(), path) {
			t.Errorf("%s is a path of %q at each run", path, first[path])
		}
	}
}

func TestNamesRepeat(t *testing.T) {
	t.Parallel()
	first, second := newNames(7), newNames(7)
	for range 1000 {
		if a, b := first.temp("*/*.so"), second.temp("*/*.so"); a != b {
			t.Fatalf("one seed makes %s and %s", a, b)
		}
	}
}

func TestNoPathIsShared(t *testing.T) {
	t.Parallel()
	for path, owners := range pathsOf(allScenarios(newNames(3))) {
		if len(owners) > 1 && !slices.Contains(fixedPaths(), path) {
			t.Errorf("%s is a path of %q", path, owners)
		}
	}
}

func TestTop(t *testing.T) {
	t.Parallel()
	n := newNames(4)
	for path, want := range map[string]string{
		"/tmp/a/b/c":            "/tmp/a",
		"/var/tmp/a":            "/var/tmp/a",
		n.homeRoot + "/.x/y":    n.homeRoot + "/.x",
		n.localRoot + "/bin/x":  n.localRoot + "/bin",
		"/etc/cron.d/something": "/etc/cron.d/something",
	} {
		if got := n.top(path); got != want {
			t.Errorf("top(%q) = %q, want %q", path, got, want)
		}
	}
}
