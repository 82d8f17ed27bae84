package config

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// parse makes the configuration of one file's content.
func parse(content []byte) (*Config, error) {
	d, err := decode(content)
	if err != nil {
		return nil, err
	}
	return build(d, linesOf(content))
}

// FuzzParse: whatever the file holds, either it is refused or all of it is within its bounds, and the same content
// always means the same.
func FuzzParse(f *testing.F) {
	builtIn, err := os.ReadFile("../catalogue/catalogue.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(builtIn)
	for _, content := range []string{
		"", "---\n---\n", "allow: [{path: '/opt/*', user: fah, until: 2026-12-31, reason: x}]\nprobe: false\n",
		"directories: [/tmp, /data/scratch/]\npool_addresses: [192.0.2.9/24, 198.51.100.7, \"[2001:db8::1]:443\"]\nrules: {load: off, memory: warning}\n",
		"services:\n  - {app: nexus, ports: [8443], executables: [nexus], harm: x, remedy: y, checks: [{get: /, shows: [a]}]}\n",
		"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nallow: *b\n", "allow: &x [*x]\n", "? [a]\n: b\n", "known_miner_sha256:\n- ''\n",
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for setting, stands := range linesOf(content) {
			line := stands.line
			if lines := bytes.Count(content, []byte{'\n'}) + bytes.Count(content, []byte{'\r'}) + 1; line < 0 || line > lines+bytes.Count(content, []byte("\u0085"))+bytes.Count(content, []byte("\u2028"))+bytes.Count(content, []byte("\u2029")) {
				t.Errorf("%q stands on line %d of %d", setting, line, lines)
			}
		}
		config, err := parse(content)
		if (config == nil) != (err != nil) {
			t.Fatalf("%+v, %v", config, err)
		}
		if again, againErr := parse(content); (againErr == nil) != (err == nil) || err == nil && len(again.settings) != len(config.settings) {
			t.Errorf("the same content is %v, then %v", err, againErr)
		}
		if err != nil {
			return
		}
		if len(config.Directories) > maxDirectories || len(config.Policy.Allow) > maxAllow {
			t.Errorf("%d directories, %d entries", len(config.Directories), len(config.Policy.Allow))
		}
		for _, directory := range config.Directories {
			if !filepath.IsAbs(directory) || filepath.Clean(directory) != directory {
				t.Errorf("directory %q", directory)
			}
		}
		for hash := range config.Policy.Hashes {
			if !sha256Pattern.MatchString(hash) {
				t.Errorf("hash %q", hash)
			}
		}
		for _, pool := range config.Policy.Pools {
			if !pool.Prefix.IsValid() {
				t.Errorf("pool %+v", pool)
			}
		}
		for i := range config.Policy.Allow {
			if a := &config.Policy.Allow[i]; len(a.Reason) > maxReason || a.String() == "" {
				t.Errorf("%+v", a)
			}
		}
		config.Ended(time.Unix(1<<31, 0))
		for setting := range config.settings {
			config.without(setting)
		}
	})
}
