package secrets

import (
	"strings"
	"testing"
)

// FuzzArguments: whatever stands around it, a password that is given by a plain name is not shown.
func FuzzArguments(f *testing.F) {
	f.Add("mysql", "-h\x00db", "sesame", byte(0))
	f.Add("sh", "-c\x00curl -u a:b 'x\x00--\x00\"", "open sesame", byte(1))
	f.Add("curl", "-H\x00X-Api-Key:\x00https://me:x@h/", "a'b\"c", byte(2))
	f.Add("x", "-p", "sesame", byte(1)) // an option without a value before it
	f.Add("x", "-O", " sesame", byte(0))
	f.Add("\xff", "-p\x00-u\x00\x00=", "$(cat x)", byte(3))
	f.Fuzz(func(t *testing.T, program, others, secret string, form byte) {
		around := strings.Join([]string{program, others, Mask, "--db-password=", "DB_PASSWORD="}, " ")
		if len(secret) < 4 || strings.Contains(around, secret) || isOpen("password", secret) || strings.ContainsRune(secret, 0) || strings.Trim(secret, `'"`) == "" {
			t.Skip("no secret")
		}
		argv := append([]string{program}, strings.Split(others, "\x00")...)
		switch form % 3 {
		case 0:
			argv = append(argv, "--db-password="+secret)
		case 1:
			argv = append(argv, "--db-password", secret)
		case 2:
			// It may be the beginning of a command: the value ends where a shell would end it.
			if strings.Trim(strings.ToLower(secret), "abcdefghijklmnopqrstuvwxyz0123456789-_.+") != "" {
				t.Skip("a shell may end it")
			}
			argv = append(argv, "DB_PASSWORD="+secret)
		}
		got := Arguments(argv)
		if len(got) != len(argv) {
			t.Errorf("%q became %q", argv, got)
		}
		if last := got[len(got)-1]; strings.Contains(last, secret) {
			t.Errorf("%q is shown as %q", argv, got)
		}
	})
}
