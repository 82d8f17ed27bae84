package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	config, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/tmp", "/var/tmp", "/dev/shm"}, config.Directories); diff != "" {
		t.Error(diff)
	}
	if !config.Probe {
		t.Error("services are not asked")
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]bool{"probe: false": false, "probe: true": true, "probe:": true, "allow: []": true} {
		config, err := Load(write(t, content))
		if err != nil || config.Probe != want {
			t.Errorf("%q: %+v, %v", content, config, err)
		}
	}
}

// TestServiceForm shows that the built-in catalogue is in the form that users
// write: it is a configuration file.
func TestServiceForm(t *testing.T) {
	t.Parallel()
	config, err := Load("../catalogue/catalogue.yml")
	if err != nil {
		t.Fatal(err)
	}
	list, err := catalogue.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range list {
		got, ok := config.Catalogue.Service(want.App)
		if !ok || got.RunsCode != want.RunsCode || got.Common != want.Common || got.Harm != want.Harm {
			t.Errorf("%s: %+v", want.App, got)
		}
		if diff := cmp.Diff(want.Checks, got.Checks); diff != "" {
			t.Errorf("%s: %s", want.App, diff)
		}
	}
}

func TestLoadService(t *testing.T) {
	t.Parallel()
	config, err := Load(write(t, `
services:
  - app: nexus
    ports: [8443]
    asked_ports: [8443, 9443]
    executables: [nexus]
    command_line: [org.sonatype.nexus]
    runs_code: true
    usual: true
    checks:
      - get: /service/rest/v1/status/check
        tls: true
        shows: [edition, "state=open"]
        contains: [nexus]
        closed: [password]
        open: true
        version: edition
        lowered: {when: "readonly=true", because: It is read only.}
      - {send: "PING\r\n", shows: [PONG]}
    harm: x
    remedy: y
`))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := config.Catalogue.Service("nexus")
	want := catalogue.Service{
		App: "nexus", Ports: []uint16{8443}, ProbePorts: []uint16{8443, 9443}, Executables: []string{"nexus"}, CommandLine: []string{"org.sonatype.nexus"},
		RunsCode: true, Common: true, Harm: "x", Remedy: "y", Checks: []catalogue.Check{
			{
				Get: "/service/rest/v1/status/check", TLS: true, Shows: []string{"edition", "state=open"}, Contains: []string{"nexus"}, Closed: []string{"password"},
				Open: true, Version: "edition", Lowered: &catalogue.Lowered{When: "readonly=true", Because: "It is read only."},
			},
			{Send: "PING\r\n", Shows: []string{"PONG"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("Ab", 32)
	config, err := Load(write(t, `
directories: [/tmp, /data/scratch/]
known_miner_sha256: [`+hash+`]
pool_addresses: [192.0.2.9/24, 198.51.100.7, "[2001:db8::1]:443"]
allow:
  - {path: "/opt/folding/*", user: fah}
services:
  - {app: nexus, ports: [8443], executables: [nexus], harm: "x", remedy: "y"}
`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/tmp", "/data/scratch"}, config.Directories); diff != "" {
		t.Error(diff)
	}
	if !config.Policy.Hashes[strings.ToLower(hash)] {
		t.Errorf("hashes = %v", config.Policy.Hashes)
	}
	if diff := cmp.Diff([]policy.Allow{{Path: "/opt/folding/*", User: "fah", Line: 6}}, config.Policy.Allow); diff != "" {
		t.Error(diff)
	}
	want := []policy.Pool{
		{Prefix: netip.MustParsePrefix("192.0.2.0/24")}, {Prefix: netip.MustParsePrefix("198.51.100.7/32")}, {Prefix: netip.MustParsePrefix("2001:db8::1/128"), Port: 443},
	}
	if !slices.Equal(want, config.Policy.Pools) {
		t.Errorf("pools %v, want %v", config.Policy.Pools, want)
	}
	if app, confidence := config.Catalogue.Identify(model.TCP, 1234, "/opt/nexus", config.Catalogue.Evidence("/opt/nexus", nil)); app != "nexus" || confidence != model.ConfidenceEvidence {
		t.Errorf("the added service was not recognised: %q %q", app, confidence)
	}
}

func TestBad(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"directories: /tmp":                                            "line 1",
		"\ndirectoriez: [/tmp]":                                        "line 2: field directoriez not found",
		"directories: [tmp]":                                           `directories: "tmp" is not an absolute path`,
		"directories: [/tmp, /tmp/]":                                   `directories: "/tmp" is there twice`,
		"known_miner_sha256: [abc]":                                    `known_miner_sha256, entry 1: "abc" is not 64 hex digits`,
		"allow: [{}]":                                                  "allow, entry 1: set at least one of path, sha256, user, unit, container, image, namespace, pod, cgroup",
		"allow: [{path: '[x'}]":                                        `allow, entry 1: path "[x": syntax error in pattern`,
		"allow: [{sha256: zz}]":                                        `allow, entry 1: sha256 "zz" is not 64 hex digits`,
		"allow: [{user: a}, {reason: x, containers: true}]":            "allow, entry 2: set at least one of path, sha256, user, unit, container, image, namespace, pod, cgroup",
		"allow: [{user: a, expires: 2026-01-01}]":                      "line 1: field expires not found",
		"allow: [{user: a, until: 31.12.2026}]":                        `allow, entry 1: until "31.12.2026" is neither a day (2026-12-31) nor a time (2026-12-31T18:00:00Z)`,
		"allow: [{user: a, until: 2026-02-30}]":                        `until "2026-02-30" is neither a day`,
		"allow: [{user: a, containers: maybe}]":                        "line 1",
		"allow: [{container: /web}]":                                   `allow, entry 1: container "/web" can be no container: give a glob over its name, without the / that docker inspect shows before it, or at least 12 digits of its id`,
		"allow: [{image: \"a b\"}]":                                    `allow, entry 1: image "a b" can be no image`,
		"allow: [{namespace: a/b}]":                                    `allow, entry 1: namespace "a/b" or pod "" can be none`,
		"allow: [{pod: \"[\"}]":                                        `allow, entry 1: pod "[": syntax error in pattern`,
		"allow: [{images: redis}]":                                     "line 1: field images not found",
		"allow: [{cgroup: '/a['}]":                                     `allow, entry 1: cgroup "/a[": syntax error in pattern`,
		"allow: [{user: a, reason: " + strings.Repeat("x", 257) + "}]": "allow, entry 1: reason: at most 256 bytes, not 257",
		"allow: [" + strings.Repeat("{user: a}, ", 1025) + "]":         "allow: at most 1024 entries, not 1025",
		"rules: {runs_from_temq: off}":                                 `rules: there is no rule "runs_from_temq"; the rules are known_miner_hash, known_miner_name, `,
		"rules: {runs_from_temp: low}":                                 `rules: runs_from_temp: "low" is not off, info, warning or critical`,
		"rules: {runs_from_temp: }":                                    `rules: runs_from_temp: "" is not off, info, warning or critical`,
		"rules: {runs_from_temp: false}":                               `rules: runs_from_temp: "false" is not off`,
		"rules: [runs_from_temp]":                                      "line 1",
		"rules: {runs_from_temp: off, runs_from_temp: info}":           "already defined",
		"pool_addresses: [pool.example.com]":                           `pool_addresses, entry 1: "pool.example.com" is not an address`,
		"pool_addresses: [192.0.2.1:99999]":                            "pool_addresses, entry 1: ",
		"services: [{app: 'Bad Name'}]":                                "services: ",
		"services: [{app: a, portz: [1]}]":                             "field portz not found",
		"services: [{app: a, ports: [1], checks: [{post: /}]}]":        "field post not found",
		"services: [{app: a, ports: [1], checks: [{get: /, shows: [x], lowered: {if: x}}]}]":             "field if not found",
		"services: [{app: a, ports: [1], checks: [{get: /, send: x, shows: [x]}]}]":                      `services: app "a", check 1: set either get or send`,
		"services: [{app: a, ports: [1], checks: [{shows: [x]}]}]":                                       `services: app "a", check 1: set either get or send`,
		"services: [{app: a, ports: [1], checks: [{get: x, shows: [x]}]}]":                               `check 1: get: "x" is not a path: begin it with /`,
		"services: [{app: a, ports: [1], checks: [{get: /}]}]":                                           "check 1: set shows or contains",
		"services: [{app: a, ports: [1], checks: [{get: /, shows: [x]}, {get: /}, {get: /}, {get: /}]}]": "at most 3 checks, not 4",
		"services: [{app: a, ports: [70000]}]":                                                           "line 1",
		"probe: maybe":                                                                                   "line 1",
		"directories: [/tmp]\n---\nallow: []\n":                                                          "only one YAML document may be in the file",
		"\x00":                                                                                           "control characters are not allowed",
	} {
		_, err := Load(write(t, content))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", content, err, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "missing.yml")); err == nil {
		t.Error("a missing file gave no error")
	}
}

// TestAllow holds every field, its line, and the day's end.
func TestAllow(t *testing.T) {
	t.Parallel()
	config, err := Load(write(t, `
allow:
  - path: /opt/render/**
    sha256: `+strings.Repeat("AB", 32)+`
    user: 1000
    unit: render.service
    cgroup: /batch.slice/*
    containers: true
    reason: "  nightly render "
    until: 2026-12-31
  - {container: 012345678901, until: 2026-12-31T18:00:00+02:00}
  - {container: "web-*", until: 2024-02-29}
  - {image: registry.example/ci/**, namespace: ci, pod: "runner-*"}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Allow{
		{
			Path: "/opt/render/**", SHA256: strings.Repeat("ab", 32), User: "1000", Unit: "render.service", Cgroup: "/batch.slice/*", Containers: true,
			Reason: "nightly render", Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Line: 3,
		},
		{Container: "012345678901", Until: time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC), Line: 11},
		{Container: "web-*", Until: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC), Line: 12},
		{Image: "registry.example/ci/**", Namespace: "ci", Pod: "runner-*", Line: 13},
	}
	if diff := cmp.Diff(want, config.Policy.Allow); diff != "" {
		t.Error(diff)
	}
	last := time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	if got := config.Ended(last); len(got) != 2 || got[1] != "allow, entry 3 (line 12): it ended at the end of 2024-02-29 (UTC) and lowers nothing any more: container web-*" {
		t.Errorf("%q", got)
	}
	if got := config.Ended(last.Add(time.Second)); len(got) != 3 || !strings.HasSuffix(got[0], ", also in containers, because: nightly render") {
		t.Errorf("%q", got)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	config, err := Load(write(t, "rules:\n  runs_from_temp: off\n  forged_arguments: info\n  exposed_service: warning\n  guardian: critical\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Limits{
		rules.RunsFromTemp: {Severity: policy.Off, Line: 2}, rules.ForgedArguments: {Severity: model.Info, Line: 3}, rules.ExposedService: {Severity: model.Warning, Line: 4},
	}
	if diff := cmp.Diff(want, config.Policy.Limits); diff != "" {
		t.Error(diff)
	}
}

// TestLines finds the lines of an alias, and none where there are none.
func TestLines(t *testing.T) {
	t.Parallel()
	got := linesOf([]byte("directories: &d\n- /a\n- /b\npool_addresses: *d\nrules:\n  a: off\n"))
	want := lines{"directories": {line: 1}, "directories.0": {line: 2}, "directories.1": {line: 3}, "pool_addresses": {line: 4}, "pool_addresses.0": {line: 2}, "pool_addresses.1": {line: 3}, "rules": {line: 5}, "rules.a": {line: 6}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(position{})); diff != "" {
		t.Error(diff)
	}
	for _, content := range []string{"", "- a", "a: [", "x"} {
		if got := linesOf([]byte(content)); len(got) != 0 {
			t.Errorf("%q: %v", content, got)
		}
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
