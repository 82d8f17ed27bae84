package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
)

// level is one object or list that the reader is in.
type level struct {
	list  bool
	index int    // of the next element
	key   string // of the member whose value is next
	named bool   // key was read
}

// find looks members up in JSON. Their values come as text: a scalar as it is, an
// object or a list as "{" or "[", null not at all. The first of two members of
// one name counts. It reads token by token, so that depth costs nothing and what
// was cut off still shows its beginning. whole tells that it is one JSON object
// or list, cut that it may be the beginning of one.
func find(content []byte, wanted []string) (found map[string]string, whole, cut bool) {
	found = map[string]string{}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var in []level // at most catalogue.MaxDepth+1 of them
	depth := 0
	for {
		token, err := decoder.Token()
		if err != nil {
			return found, false, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		}
		if delimiter, ok := token.(json.Delim); ok && (delimiter == '}' || delimiter == ']') {
			depth--
			in = in[:min(len(in), depth)]
			if depth == 0 {
				_, err := decoder.Token()
				return found, errors.Is(err, io.EOF), false
			}
			continue
		}
		if depth == len(in) && depth > 0 {
			top := &in[depth-1]
			if text, ok := token.(string); ok && !top.list && !top.named {
				top.key, top.named = text, true
				if len(text) > catalogue.MaxText {
					top.key = "" // nobody looks for it, and it would be copied for each of its members
				}
				continue
			}
			if top.list {
				top.key = strconv.Itoa(top.index)
				top.index++
			}
			top.named = false
			note(found, wanted, in, token)
		}
		delimiter, opens := token.(json.Delim)
		if opens {
			if depth == len(in) && depth < catalogue.MaxDepth {
				in = append(in, level{list: delimiter == '['})
			}
			depth++
		} else if depth == 0 {
			return found, false, false // a bare text or number is no service's answer
		}
	}
}

// note keeps a value if its member is wanted.
func note(found map[string]string, wanted []string, in []level, token json.Token) {
	text, ok := asText(token)
	if !ok {
		return
	}
	keys := make([]string, 0, catalogue.MaxDepth)
	for i := range in {
		keys = append(keys, in[i].key)
	}
	path := strings.Join(keys, ".")
	if _, known := found[path]; !known && slices.Contains(wanted, path) {
		found[path] = text
	}
}

func asText(token json.Token) (string, bool) {
	switch value := token.(type) {
	case json.Delim:
		return value.String(), true
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		return strconv.FormatBool(value), true
	default:
		return "", false
	}
}

// holds tells whether `member` is there or `member=value` has that value.
func holds(found map[string]string, text string) bool {
	path, want, compared := strings.Cut(text, "=")
	value, ok := found[path]
	return ok && (!compared || value == want)
}
