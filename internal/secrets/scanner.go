package secrets

import (
	"path"
	"strings"
)

// maxAddress is as far as the password in a URL is looked for, in bytes.
const maxAddress = 1024

// scanner goes through a line once and copies it, but for what it masks.
type scanner struct {
	in     string
	out    strings.Builder
	copied int // bytes of in that are in out

	at      int
	quote   byte   // that is open: ' or ", or 0
	program string // of the simple command that at is in
	begins  bool   // a word from here on may be the program
}

// replace writes with for in[from:to].
func (s *scanner) replace(from, to int, with string) {
	s.out.WriteString(s.in[s.copied:from])
	s.out.WriteString(with)
	s.copied = to
}

func (s *scanner) result() string {
	if s.copied == 0 {
		return s.in
	}
	s.out.WriteString(s.in[s.copied:])
	return s.out.String()
}

func (s *scanner) scan() {
	s.begins = true
	for s.at < len(s.in) {
		switch c := s.in[s.at]; {
		case isWordByte(c):
			s.word()
			continue
		case c == '\\':
			s.at++
		case c == s.quote:
			s.quote = 0
		case s.quote == 0 && (c == '\'' || c == '"'):
			s.quote = c
			s.begins = s.begins || isShell(s.program)
		case strings.IndexByte(";&|(`\n{", c) >= 0:
			s.begins, s.program = true, ""
		}
		s.at++
	}
}

// word is at the first byte of a word, and goes to what comes after it and its value.
func (s *scanner) word() {
	begin := s.at
	for s.at < len(s.in) && isWordByte(s.in[s.at]) {
		s.at++
	}
	word := s.in[begin:s.at]
	if shown := tokenStart(word); shown > 0 {
		s.replace(begin+shown, s.at, Mask)
		return
	}
	rest := s.in[s.at:]
	if strings.HasPrefix(rest, "://") {
		s.at += len("://")
		s.address()
		return
	}
	if s.begins && !strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "/") && !isWrapper(word) {
		s.program, s.begins = path.Base(word), false
	}
	if length := assignment(rest); length > 0 {
		if isSecret(word) || isAccount(word) {
			s.at += length
			s.assigned(word, rest[:length], s.quote != 0 && begin > 0 && s.in[begin-1] == s.quote && !isShell(s.program))
		}
		return
	}
	if !strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, "\t") {
		if attached, ok := attachedPassword(word, s.program); ok {
			s.replace(s.at-len(attached), s.at, Mask)
		}
		return
	}
	next := valueKept
	switch {
	case strings.HasPrefix(word, "-"):
		if attached, ok := attachedPassword(word, s.program); ok {
			s.replace(s.at-len(attached), s.at, Mask)
			return
		}
		next = nextValue(word, s.program)
	case isScheme(word) && strings.ToLower(word) != "token":
		next = secretValue
	}
	if next == valueKept {
		return
	}
	s.blanks()
	from, to := s.value()
	if given := s.in[from:to]; !strings.HasPrefix(given, "--") && (next != secretValue || !isScheme(word) || len(given) >= 8) {
		s.mask(from, to, next)
	}
}

// assignment is how many bytes part a name from its value: a = or :, with what quotes the
// name and the blanks around; 0 if nothing is assigned.
func assignment(rest string) int {
	trimmed := strings.TrimPrefix(rest, `\`)
	if trimmed != "" && (trimmed[0] == '"' || trimmed[0] == '\'') {
		trimmed = trimmed[1:]
	} else {
		trimmed = rest
	}
	sign := strings.TrimLeft(trimmed, " \t")
	switch {
	case sign == "":
		return 0
	case sign[0] == '=' && !strings.HasPrefix(sign, "=="):
	case sign[0] == ':' && !strings.HasPrefix(sign, "::"):
	default:
		return 0
	}
	after := strings.TrimLeft(sign[1:], "> \t")
	if sign[0] == '=' && len(sign) == len(trimmed) { // in a shell a blank ends the value
		after = sign[1:]
	}
	return len(rest) - len(after)
}

// assigned is at the value of a name that holds a secret. sign is what parted them; whole
// tells that they are quoted together, so that the value may hold blanks.
func (s *scanner) assigned(name, sign string, whole bool) {
	if strings.ContainsAny(sign, `"'`) {
		s.quote = 0 // that of the name is closed
	}
	if rest := s.in[s.at:]; strings.HasPrefix(rest, `\"`) || strings.HasPrefix(rest, `\'`) { // JSON in a string
		from := s.at + 2
		s.mask(from, from+indexOr(s.in[from:], rest[:2]), secretValue)
		return
	}
	from, to := s.value()
	given := s.in[from:to]
	switch quoted := s.quote != 0 && from == s.at; {
	case quoted && strings.Contains(sign, ":"): // a header
		to = from + indexOr(s.in[from:], string(s.quote))
		s.replace(from, to, strings.TrimPrefix(maskHeader(s.in[from:to]), " "))
		s.at = to
	case quoted && whole:
		s.mask(from, from+indexOr(s.in[from:], string(s.quote)), secretValue)
	case isOpen(name, given):
		s.at = to
	case isAccount(name):
		s.mask(from, to, accountValue)
	case isScheme(given) && strings.Contains(sign, ":"): // Authorization: Basic x
		s.at = to
		s.blanks()
		from, to = s.value()
		s.mask(from, to, secretValue)
	default:
		s.mask(from, to, secretValue)
	}
}

// indexOr is where s has a part, or where it ends.
func indexOr(s, part string) int {
	if at := strings.Index(s, part); at >= 0 {
		return at
	}
	return len(s)
}

// mask masks a value and goes behind it.
func (s *scanner) mask(from, to int, as value) {
	if given := s.in[from:to]; given != "" {
		s.replace(from, to, as.of(given))
	}
	s.at = to
}

func (s *scanner) blanks() {
	for s.at < len(s.in) && (s.in[s.at] == ' ' || s.in[s.at] == '\t') {
		s.at++
	}
}

// value finds the word of shell that begins here. Of one that is quoted as a whole it is
// what stands between the quotes.
func (s *scanner) value() (from, to int) {
	from, open := s.at, byte(0)
	if s.quote == 0 && from < len(s.in) && (s.in[from] == '"' || s.in[from] == '\'') {
		open = s.in[from]
		from++
		if end := s.closing(from, open); end+1 >= len(s.in) || strings.IndexByte(" \t\n;&|),}]", s.in[end+1]) >= 0 {
			return from, end
		}
	}
	for to = from; to < len(s.in); to++ {
		switch c := s.in[to]; {
		case c == '\\':
			to++
		case c == open && open != 0:
			open = 0
		case open != 0:
		case c == s.quote && s.quote != 0:
			return from, to
		case s.quote == 0 && (c == '"' || c == '\''):
			open = c
		case strings.IndexByte(" \t\r\n;&|<>`)", c) >= 0:
			return from, to
		}
	}
	return from, min(to, len(s.in))
}

// closing is where a quote ends, or the end of the line.
func (s *scanner) closing(from int, quote byte) int {
	for i := from; i < len(s.in); i++ {
		switch s.in[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return len(s.in)
}

// address is behind the :// of a URL, and masks the password in it.
func (s *scanner) address() {
	end, most := s.at, min(len(s.in), s.at+maxAddress)
	for end < most && strings.IndexByte(" \t\r\n'\"<>`;|)", s.in[end]) < 0 {
		end++
	}
	whole := s.in[s.at:end]
	authority := whole
	if slash := strings.IndexAny(whole, "/?#"); slash >= 0 {
		authority = whole[:slash]
	}
	sign := strings.LastIndexByte(authority, '@')
	if sign < 0 { // a password with a slash that should have been escaped, and no port
		colon := strings.IndexByte(authority, ':')
		if sign = strings.LastIndexByte(whole, '@'); sign < 0 || colon < 0 || isNumber(authority[colon+1:]) {
			s.at += len(authority)
			return
		}
	}
	from := s.at
	if colon := strings.IndexByte(whole[:sign], ':'); colon >= 0 {
		if colon+1 < sign {
			s.replace(from+colon+1, from+sign, Mask)
		}
	} else if shown := tokenStart(whole[:sign]); shown > 0 {
		s.replace(from+shown, from+sign, Mask)
	}
	s.at = from + sign + 1
}
