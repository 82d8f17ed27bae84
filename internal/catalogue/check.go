package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	// MaxText bounds a path or what is sent, in bytes.
	MaxText  = 256
	maxTexts = 8 // in one list

	// MaxDepth bounds how many levels down a JSON member of an answer may lie.
	MaxDepth = 8
)

// Candidate is an app that a socket may belong to, and how to probe for it.
type Candidate struct {
	App    string
	Checks []Check
}

// Check is one read-only request and what its answer means.
type Check struct {
	// Exactly one of the two is set.
	Get  string `yaml:"get"`  // path of an HTTP request
	Send string `yaml:"send"` // text for a service that speaks in lines
	// TLS: it is spoken at once. Without it a GET is sent in plain HTTP, and again
	// over TLS if the answer asks for that.
	TLS bool `yaml:"tls"`

	// What shows that it is this app; all of them must be there.
	//
	// Shows are, for a GET, members of the JSON answer: `features.auth` is there
	// and is not null, `kind=PodList` has that value, `roles.0` is the first of a
	// list. For a text, it is the one beginning that the answer must have.
	Shows []string `yaml:"shows"`
	// Contains are texts in the answer to a GET, which need not be JSON then.
	Contains []string `yaml:"contains"`

	// Closed are texts that mean that it wants a login: in the body of a successful
	// GET, or the beginnings of a text.
	Closed []string `yaml:"closed"`
	// Open: an answer of this app means that anybody is let in. Without Open, the
	// answer only shows that it is this app.
	Open bool `yaml:"open"`

	// Version is the JSON member that holds the version, or the text before it.
	Version string   `yaml:"version"`
	Lowered *Lowered `yaml:"lowered"` // set if whoever gets in may do less than usual
}

// Lowered says when whoever gets in may do less than usual, and why.
type Lowered struct {
	When    string `yaml:"when"`    // as one of Shows; always if it is not set
	Because string `yaml:"because"` // a sentence
}

// Validate finds what makes a check useless or dangerous.
func (c *Check) Validate() error {
	empty := func(text string) bool { return text == "" }
	switch {
	case (c.Get == "") == (c.Send == ""):
		return errors.New("set either get or send")
	case len(c.Get) > MaxText || len(c.Send) > MaxText:
		return fmt.Errorf("get and send have at most %d bytes", MaxText)
	case c.Get != "" && !isPath(c.Get):
		return fmt.Errorf("get: %q is not a path: begin it with / and escape blanks", c.Get)
	case len(c.Shows)+len(c.Contains) == 0:
		return errors.New("set shows or contains: without them no answer shows that it is this app")
	case max(len(c.Shows), len(c.Contains), len(c.Closed)) > maxTexts:
		return fmt.Errorf("at most %d entries in shows, contains and closed", maxTexts)
	case slices.ContainsFunc(slices.Concat(c.Shows, c.Contains, c.Closed), empty):
		return errors.New("an empty text would match everything")
	case c.Send != "" && (len(c.Shows) != 1 || len(c.Contains) > 0):
		return errors.New("with send, set one text in shows, the beginning of the answer")
	case c.Lowered != nil && (!c.Open || c.Lowered.Because == ""):
		return errors.New("lowered: set because, and open: true")
	case c.Lowered != nil && c.Lowered.When != "" && c.Send != "":
		return errors.New("lowered: when is only for get")
	case slices.ContainsFunc(c.Members(), func(path string) bool { return strings.Count(path, ".") >= MaxDepth }):
		return fmt.Errorf("at most %d levels in the name of a JSON member", MaxDepth)
	}
	return nil
}

func isPath(text string) bool {
	return text[0] == '/' && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Members are the JSON members that an answer is looked through for.
func (c *Check) Members() []string {
	if c.Send != "" {
		return nil
	}
	var paths []string
	for _, text := range c.Shows {
		path, _, _ := strings.Cut(text, "=")
		paths = append(paths, path)
	}
	if c.Version != "" {
		paths = append(paths, c.Version)
	}
	if c.Lowered != nil {
		path, _, _ := strings.Cut(c.Lowered.When, "=")
		paths = append(paths, path)
	}
	return paths
}
