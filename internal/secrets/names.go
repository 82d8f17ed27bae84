package secrets

import (
	"slices"
	"strings"
	"unicode"
)

// maxName is the most that the name of an option or variable has, in bytes.
const maxName = 128

// isSecret tells whether an option, a variable or a header of this name holds a secret:
// --db-password, PGPASSWORD, javax.net.ssl.keyStorePassword, X-Api-Key.
func isSecret(name string) bool {
	parts := partsOf(name)
	if len(parts) == 0 || isOpenPart(parts[len(parts)-1]) {
		return false
	}
	for i, part := range parts {
		if isSecretPart(part) {
			return true
		}
		if part == "key" && (i > 0 && isKindOfKey(parts[i-1]) || len(parts) == 1) {
			return true
		}
	}
	return false
}

func isSecretPart(part string) bool {
	switch part {
	case "pass", "pwd", "pw", "passphrase", "passcode", "passin", "passout", "secrets", "tokens", "credential", "credentials", "creds",
		"auth", "authorization", "cookie", "cookies", "jwt", "otp", "sig", "signature", "sessionid", "sid", "psk", "sshpass":
		return true
	}
	for _, end := range []string{"password", "passwd", "token", "secret", "apikey", "accesskey", "secretkey", "privatekey", "passwort", "kennwort"} {
		if strings.HasSuffix(part, end) {
			return true
		}
	}
	return false
}

// isKindOfKey holds for what makes a key a secret one: public_key is none.
func isKindOfKey(part string) bool {
	return slices.Contains([]string{"api", "access", "private", "secret", "auth", "encryption", "account", "license", "shared", "master", "signing", "app", "storage", "deploy"}, part)
}

// isOpenPart holds for the last word of names that speak about a secret and hold none.
func isOpenPart(part string) bool {
	return slices.Contains([]string{
		"file", "files", "path", "dir", "directory", "fd", "stdin", "prompt", "ttl", "type", "policy", "algorithm", "length", "name", "names", "id", "user", "username", "url", "uri",
		"host", "port", "level", "method", "mode", "enabled", "enable", "provider", "realm", "expiry", "timeout", "required", "store",
	}, part)
}

// isOpen holds for values that are no secret whatever the name is.
func isOpen(name, given string) bool {
	parts := partsOf(name)
	if len(parts) == 0 {
		return true
	}
	last := parts[len(parts)-1]
	return (last == "pwd" || last == "key") && isPath(given) || given == "true" || given == "false" || strings.HasPrefix(given, "$") && isWord(strings.Trim(given, "${}()"))
}

func isPath(given string) bool {
	return strings.HasPrefix(given, "/") || strings.HasPrefix(given, "./") || strings.HasPrefix(given, "~/") || strings.HasPrefix(given, "../")
}

// isAccount holds for options whose value is NAME:PASSWORD, or a name alone.
func isAccount(name string) bool {
	switch name {
	case "-u", "-U", "-O", "--user", "--userpass", "--proxy-user", "--username", "--url-user":
		return true
	default:
		return false
	}
}

// isScheme holds for the schemes of an Authorization header.
func isScheme(word string) bool {
	return slices.Contains([]string{"basic", "bearer", "token", "digest", "negotiate", "apikey", "aws4-hmac-sha256"}, strings.ToLower(word))
}

// partsOf are the words of a name, in lower case: what is parted by signs or by a capital
// letter.
func partsOf(name string) []string {
	if name == "" || len(name) > maxName {
		return nil
	}
	var parts []string
	begin := 0
	end := func(at int) {
		if at > begin {
			parts = append(parts, strings.ToLower(name[begin:at]))
		}
	}
	for i, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end(i)
			begin = i + len(string(r))
		case unicode.IsUpper(r) && i > begin && name[i-1] >= 'a' && name[i-1] <= 'z':
			end(i)
			begin = i
		}
	}
	end(len(name))
	return parts
}

// tokenStart is how many bytes of a well-known token are shown, or 0 if a word is none.
func tokenStart(word string) int {
	const shown = 4
	for _, form := range []struct {
		start string
		least int // bytes of the whole
	}{
		{"AKIA", 20},
		{"ASIA", 20},
		{"ghp_", 20},
		{"gho_", 20},
		{"ghu_", 20},
		{"ghs_", 20},
		{"ghr_", 20},
		{"github_pat_", 30},
		{"glpat-", 20},
		{"xoxb-", 20},
		{"xoxp-", 20},
		{"xoxa-", 20},
		{"xoxr-", 20},
		{"xoxs-", 20},
		{"AIza", 35},
		{"sk_live_", 20},
		{"rk_live_", 20},
		{"sk-", 24},
		{"hvs.", 24},
		{"dop_v1_", 30},
		{"npm_", 30},
		{"pypi-", 30},
		{"SG.", 40},
		{"eyJ", 40},
		{"hf_", 30},
	} {
		if len(word) >= form.least && strings.HasPrefix(word, form.start) {
			return shown
		}
	}
	return 0
}

// isShell holds for programs that run the text that they are given.
func isShell(program string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "zsh", "ksh", "su", "eval", "ssh"}, program)
}

// isWord tells whether all of s could be the name of an option, variable or header.
func isWord(s string) bool {
	for i := range len(s) {
		if !isWordByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
