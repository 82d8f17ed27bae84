package probe

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const maxVersion = 32 // bytes

// reply is what one request brought.
type reply struct {
	app     bool // it answered as the app does
	other   bool // it answered, completely or clearly enough, as another program does
	auth    model.Auth
	version string
	lowered string
	failure string // why nothing is known, a sentence; ""
	tls     bool   // it may want TLS
	err     error  // that ended reading too early
}

func failed(sentence string, err error) reply {
	return reply{auth: model.AuthUnknown, failure: sentence, err: err}
}

func other() reply { return reply{auth: model.AuthUnknown, other: true} }

// interpret reads an answer and says what it means. It reads no more than it needs.
func interpret(check *catalogue.Check, stream io.Reader) reply {
	source := &source{Reader: stream}
	raw := bufio.NewReader(source)
	first, err := raw.Peek(1)
	switch {
	case err != nil:
		// Some servers hang up on whoever does not speak TLS.
		r := failed(sentence(err, true), err)
		r.tls = hungUp(err)
		return r
	case first[0] == 0x15: // the record of a TLS alert
		r := other()
		r.tls = true
		return r
	case check.Send != "":
		return interpretLine(check, raw)
	}
	const protocol = "HTTP/"
	if start, _ := raw.Peek(len(protocol)); string(start) != protocol[:len(start)] {
		return other()
	}
	response, err := readResponse(raw)
	switch {
	case err != nil && source.err != nil:
		return failed(sentence(source.err, false), source.err)
	case err != nil:
		return other()
	}
	// To close the body would read it to its end, and it holds nothing.
	response.Body = io.NopCloser(response.Body)
	defer response.Body.Close()
	return interpretResponse(check, response)
}

// source remembers why reading ended.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

// readResponse reads over what a server says before its answer (1xx).
func readResponse(raw *bufio.Reader) (*http.Response, error) {
	for {
		response, err := http.ReadResponse(raw, &http.Request{Method: http.MethodGet})
		if err != nil || response.StatusCode >= 200 || response.StatusCode == http.StatusSwitchingProtocols {
			return response, err
		}
	}
}

func interpretResponse(check *catalogue.Check, response *http.Response) reply {
	status := response.StatusCode
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return reply{auth: model.AuthRequired}
	case status >= 300 && status < 400:
		return interpretRedirect(response.Header.Get("Location"))
	case status == http.StatusBadRequest:
		content, _ := io.ReadAll(response.Body)
		r := other()
		// So servers answer plain HTTP on a port for HTTPS.
		r.tls = containsAny(content, []string{"HTTPS", "requires TLS", "SSL-enabled"})
		return r
	case status >= 500:
		return failed("It answered that it does not work now ("+response.Status[:3]+").", nil)
	case status >= 200 && status < 300:
		return interpretBody(check, response.Body)
	default:
		return other()
	}
}

// interpretRedirect distinguishes a redirect to a login from any other. It is not
// followed.
func interpretRedirect(location string) reply {
	target, err := url.Parse(location)
	if err != nil {
		return other()
	}
	words := strings.FieldsFunc(strings.ToLower(target.Host+target.Path), func(r rune) bool {
		return (r < 'a' || r > 'z') && r != '-' && r != '_'
	})
	if slices.ContainsFunc(words, isLogin) {
		return reply{auth: model.AuthRequired}
	}
	r := other()
	r.tls = target.Scheme == "https" && target.Port() != "" // of this port, perhaps
	return r
}

func isLogin(word string) bool {
	for _, text := range []string{"login", "logon", "signin", "sign-in", "sign_in", "oauth", "saml"} {
		if strings.Contains(word, text) {
			return true
		}
	}
	return slices.Contains([]string{"auth", "authorize", "authenticate", "authentication", "sso"}, word)
}

// interpretBody interprets a successful answer. The beginning of an answer that was cut
// off counts if it has all that is looked for.
func interpretBody(check *catalogue.Check, body io.Reader) reply {
	buffered := bufio.NewReader(body)
	if len(check.Shows) > 0 {
		switch begins, err := beginsJSON(buffered); {
		case err != nil && !errors.Is(err, io.EOF):
			return failed(sentence(err, false), err)
		case !begins:
			return other()
		}
	}
	content, err := io.ReadAll(buffered)
	if containsAny(content, check.Closed) {
		return reply{auth: model.AuthRequired}
	}
	found, whole, cut := find(content, check.Members())
	isJSON := whole || (cut && err != nil)
	shown := func(text string) bool { return holds(found, text) }
	absent := func(text string) bool { return !bytes.Contains(content, []byte(text)) }
	switch {
	case len(check.Shows) > 0 && !isJSON:
		return other()
	case slices.ContainsFunc(check.Contains, absent), !all(check.Shows, shown):
		if err != nil {
			return failed(sentence(err, false), err)
		}
		return other()
	}
	r := answered(check, shown)
	switch {
	case check.Version != "" && isJSON:
		r.version = version(found[check.Version])
	case check.Version != "":
		r.version = versionAfter(content, check.Version)
	}
	return r
}

// answered is the reply of the app itself. shown tells whether its answer has a member.
func answered(check *catalogue.Check, shown func(member string) bool) reply {
	r := reply{app: true, auth: model.AuthUnknown}
	if !check.Open {
		return r
	}
	r.auth = model.AuthNone
	if check.Lowered != nil && (check.Lowered.When == "" || shown(check.Lowered.When)) {
		r.lowered = check.Lowered.Because
	}
	return r
}

func all(texts []string, is func(string) bool) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !is(text) })
}

func containsAny(content []byte, texts []string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return bytes.Contains(content, []byte(text)) })
}

// beginsJSON tells whether the first byte that is not blank begins an object or a
// list. A page of HTML need not be read to its end.
func beginsJSON(body *bufio.Reader) (bool, error) {
	for {
		next, err := body.ReadByte()
		if err != nil {
			return false, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(next)) {
			return next == '{' || next == '[', body.UnreadByte()
		}
	}
}

// interpretLine interprets the first line that comes, or what comes in its place.
func interpretLine(check *catalogue.Check, raw *bufio.Reader) reply {
	line, err := raw.ReadSlice('\n') // at most the buffer of 4,096 bytes
	begins := func(text string) bool { return bytes.HasPrefix(line, []byte(text)) }
	switch {
	case slices.ContainsFunc(check.Closed, begins):
		return reply{auth: model.AuthRequired, app: true}
	case begins(check.Shows[0]):
		r := answered(check, begins) // a line has no members: Validate forbids Lowered.When
		if check.Version != "" {
			r.version = versionAfter(line, check.Version)
		}
		return r
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull):
		return failed(sentence(err, false), err)
	default:
		return other()
	}
}

func versionAfter(content []byte, before string) string {
	_, after, ok := bytes.Cut(content, []byte(before))
	if !ok {
		return ""
	}
	return version(string(after[:min(len(after), 2*maxVersion)]))
}

// version cuts a version to what can be one: up to 32 printable bytes of ASCII.
func version(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>,;"'`, r) })
	if end >= 0 {
		text = text[:end]
	}
	return text[:min(len(text), maxVersion)]
}
