package shell

import "strings"

// segment is what stands between two signs that separate commands.
type segment struct {
	words []word
	piped bool // the sign before it is |
}

// segments splits a line without understanding it.
func segments(line string) []segment {
	var all []segment
	current := segment{}
	start := -1 // of the word at hand; -1 between words
	endWord := func(at int) {
		if start >= 0 {
			current.words = append(current.words, word{text: line[start:at]})
			start = -1
		}
	}
	endSegment := func(at int, piped bool) {
		endWord(at)
		if len(current.words) > 0 {
			all = append(all, current)
			current = segment{piped: piped}
		} else {
			current.piped = piped && len(all) > 0
		}
	}
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ', '\t', '"', '\'', '\r', 0:
			endWord(i)
		case '|':
			at, either := i, strings.HasPrefix(line[i:], "||")
			if either {
				i++
			}
			endSegment(at, !either)
		case ';', '&', '(', ')', '{', '}', '`':
			endSegment(i, false)
		default:
			if start < 0 {
				start = i
			}
		}
	}
	endSegment(len(line), false)
	return all
}
