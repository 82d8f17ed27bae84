package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/detect"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	config, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/tmp", "/var/tmp", "/dev/shm"}, config.Directories); diff != "" {
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
	if diff := cmp.Diff([]detect.Allow{{Path: "/opt/folding/*", User: "fah"}}, config.Policy.Allow); diff != "" {
		t.Error(diff)
	}
	want := []detect.Pool{
		{Prefix: netip.MustParsePrefix("192.0.2.0/24")}, {Prefix: netip.MustParsePrefix("198.51.100.7/32")}, {Prefix: netip.MustParsePrefix("2001:db8::1/128"), Port: 443},
	}
	if !slices.Equal(want, config.Policy.Pools) {
		t.Errorf("pools %v, want %v", config.Policy.Pools, want)
	}
	if app, confidence := config.Catalogue.Identify(host.TCP, 1234, "/opt/nexus", nil); app != "nexus" || confidence != host.ConfidenceEvidence {
		t.Errorf("the added service was not recognised: %q %q", app, confidence)
	}
}

func TestBad(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"directories: /tmp":                     "line 1",
		"\ndirectoriez: [/tmp]":                 "line 2: field directoriez not found",
		"directories: [tmp]":                    `directories: "tmp" is not an absolute path`,
		"directories: [/tmp, /tmp/]":            `directories: "/tmp" is there twice`,
		"known_miner_sha256: [abc]":             `known_miner_sha256, entry 1: "abc" is not 64 hex digits`,
		"allow: [{}]":                           "allow, entry 1: set at least one of path, sha256, user, unit",
		"allow: [{path: '[x'}]":                 `allow, entry 1: path "[x": syntax error in pattern`,
		"allow: [{sha256: zz}]":                 `allow, entry 1: sha256 "zz" is not 64 hex digits`,
		"pool_addresses: [pool.example.com]":    `pool_addresses, entry 1: "pool.example.com" is not an address`,
		"pool_addresses: [192.0.2.1:99999]":     "pool_addresses, entry 1: ",
		"services: [{app: 'Bad Name'}]":         "services: ",
		"directories: [/tmp]\n---\nallow: []\n": "only one YAML document may be in the file",
		"\x00":                                  "control characters are not allowed",
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

func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
