package report

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestPasswordsAreMasked(t *testing.T) {
	t.Parallel()
	r := incident()
	r.Findings.Active[0].Suspect.Process.Argv = []string{"/tmp/kdevtmpfsi", "-o", "stratum+tcp://me:sesame@pool.example:3333", "-u", "wallet", "-p", "sesame", "--token=sesame"}
	for name, write := range map[string]func(io.Writer, Report) error{"json": JSON, "text": func(w io.Writer, r Report) error { return Text(w, r, false) }} {
		var out bytes.Buffer
		if err := write(&out, r); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "sesame") {
			t.Errorf("%s shows a password", name)
		}
		for _, evidence := range []string{"stratum+tcp://me:***@pool.example:3333", "wallet"} {
			if !strings.Contains(out.String(), evidence) {
				t.Errorf("%s does not show %q", name, evidence)
			}
		}
	}
}
