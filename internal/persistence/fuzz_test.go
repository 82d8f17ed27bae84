package persistence

import (
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/persistence/shell"
)

// FuzzFormats gives any text to the parser of every location.
func FuzzFormats(f *testing.F) {
	for _, seed := range []string{
		"* * * * * x %y", "[Mount]\nWhat=/tmp/x#\nWhere=\\x2fproc/1\nOptions=lowerdir=:,ssh_command=x\nType=fuse.a", "[Socket]\nService=\nExecStartPre=@a",
		"[Service]\nExecStart=-@%h \\\n%%", "x:1:respawn:a", "RUN+=\"x", "#!/usr/bin/python3\nexec(b64decode('QUFBQUFBQUFBQUFB'))", "[Desktop Entry]\nExec=\\\\",
	} {
		f.Add("a.mount", seed)
		f.Add("a.socket", seed)
	}
	locations, key := append(systemLocations(), homeLocations(home{user: "eve", path: "/home/eve"})...), []byte("key")
	f.Fuzz(func(t *testing.T, name, text string) {
		for _, l := range locations {
			d := document{
				kind: l.kind, path: l.path + "/" + name, text: text, home: l.home, key: key, allowance: shell.NewAllowance(),
				known: func(string) bool { return false },
			}
			if l.units {
				kind, ok := kindOfUnit(name)
				if !ok {
					continue
				}
				d.kind = kind
			}
			p := l.format(d)
			kept := 0
			for i := range p.entries {
				if p.entries[i].Reason != "" {
					kept++
				}
				if e := &p.entries[i]; len(e.Decoded) > shell.MaxEvidenceBytes || len(e.Command) > shell.MaxCommandBytes || len(e.Starts) > shell.MaxEvidenceBytes {
					t.Errorf("%+v", e)
				}
			}
			if len(p.entries) > maxFileEntries || p.suspicious < kept || d.kind == model.PersistenceKind("") {
				t.Errorf("%s: %d entries, %d suspicious of %d", d.path, len(p.entries), kept, p.suspicious)
			}
		}
	})
}
