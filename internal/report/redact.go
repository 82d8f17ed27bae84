package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// firstUser is the first number of a person's account (UID_MIN in Debian's and Red Hat's login.defs).
const firstUser = 1000

var (
	homePattern    = regexp.MustCompile(`/home/([^/\s"'\\]+)`)
	addressPattern = regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-fA-F]{1,4}:){2,7}[0-9a-fA-F]{0,4}(?:::?[0-9a-fA-F]{1,4})*|(?:[0-9a-fA-F]{1,4}:)*:(?::?[0-9a-fA-F]{1,4})+`)
)

// Redact writes a report for strangers, such as a report of a false alarm: arguments and lines of files are left out,
// and the names of this host and of people, their homes, and addresses but those of loopback stand as HOST, USER1 and
// ADDRESS1, the same everywhere. What stands in the middle of a sentence, as a domain or the name of a project, stays.
// isJSON says what write writes: in JSON only values are changed.
func Redact(w io.Writer, r Report, isJSON bool, write func(io.Writer, Report) error) error {
	var whole bytes.Buffer
	if err := write(&whole, withoutLines(r)); err != nil {
		return err
	}
	names := newPseudonyms(&r)
	if !isJSON {
		_, err := io.WriteString(w, names.replace(whole.String()))
		return err
	}
	var document any
	decoder := json.NewDecoder(&whole)
	decoder.UseNumber()
	if err := decoder.Decode(&document); err != nil {
		return fmt.Errorf("redact the report: %w", err)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(names.replaceIn(document))
}

// withoutLines leaves out arguments and lines of files. What is published is not changed.
func withoutLines(r Report) Report {
	r.History = nil // a look knows no night
	if r.Findings == nil {
		return r
	}
	findings := *r.Findings
	findings.Active = slices.Clone(findings.Active)
	for i := range findings.Active {
		f := &findings.Active[i]
		if f.Suspect != nil {
			suspect := *f.Suspect
			suspect.Process.Argv = nil
			f.Suspect = &suspect
		}
		if f.Persistence != nil {
			entry := *f.Persistence
			entry.Command, entry.Decoded = "", ""
			f.Persistence = &entry
		}
	}
	r.Findings = &findings
	return r
}

// pseudonyms are what stands in place of names, each name's own.
type pseudonyms struct {
	names            *regexp.Regexp // of the host and of people; nil for none
	by               map[string]string
	users, addresses int
}

func newPseudonyms(r *Report) *pseudonyms {
	p := &pseudonyms{by: map[string]string{}}
	host, _, _ := strings.Cut(r.Hostname, ".")
	for _, name := range []string{r.Hostname, host} {
		if name != "" && name != "localhost" {
			p.by[name] = "HOST"
		}
	}
	if s := r.Snapshot.Processes; s != nil {
		for _, process := range s.Processes {
			if process.UID >= firstUser && process.UID < 60_000 && process.Isolation != model.IsolationContainer && !isService(r, process.User) {
				p.user(process.User)
			}
		}
	}
	if len(p.by) > 0 {
		var all []string
		for name := range p.by {
			all = append(all, regexp.QuoteMeta(name))
		}
		slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) }) // the longest first, or a part of it would match
		p.names = regexp.MustCompile(`\b(?:` + strings.Join(all, "|") + `)\b`)
	}
	return p
}

// isService tells whether an account has the name of a service, which is no person's.
func isService(r *Report, name string) bool {
	return r.Findings != nil && slices.ContainsFunc(r.Findings.Exposures, func(e model.Exposure) bool { return e.App == name })
}

func (p *pseudonyms) user(name string) string {
	if p.by[name] == "" {
		p.users++
		p.by[name] = fmt.Sprintf("USER%d", p.users)
	}
	return p.by[name]
}

func (p *pseudonyms) replace(s string) string {
	s = homePattern.ReplaceAllStringFunc(s, func(home string) string { return "/home/" + p.user(strings.TrimPrefix(home, "/home/")) })
	if p.names != nil {
		s = p.names.ReplaceAllStringFunc(s, func(name string) string { return p.by[name] })
	}
	return addressPattern.ReplaceAllStringFunc(s, func(found string) string {
		address, err := netip.ParseAddr(found)
		if err != nil || address.IsLoopback() || address.IsUnspecified() {
			return found
		}
		if p.by[found] == "" {
			p.addresses++
			p.by[found] = fmt.Sprintf("ADDRESS%d", p.addresses)
		}
		return p.by[found]
	})
}

// replaceIn replaces in the values of a decoded JSON document.
func (p *pseudonyms) replaceIn(value any) any {
	switch v := value.(type) {
	case string:
		return p.replace(v)
	case []any:
		for i := range v {
			v[i] = p.replaceIn(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = p.replaceIn(v[key])
		}
	}
	return value
}
