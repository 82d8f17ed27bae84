package persistence

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// authorizedKeys parses the keys of sshd(8). No part of a key or of its options is
// kept, only its type and comment: what counts is the change.
func authorizedKeys(d document) parsed {
	p := parsed{}
	for number, line := range eachLine(d.text, "#") {
		p.add(d, line, model.PersistenceEntry{Line: number, User: d.home.user, Command: describeKey(line)})
	}
	return p
}

// describeKey is the type and the comment of a key, or "".
func describeKey(line string) string {
	fields := strings.Fields(line)
	for i, f := range fields {
		if isKeyType(f) && i+1 < len(fields) && isKeyData(fields[i+1]) {
			return strings.Join(append([]string{f}, fields[i+2:]...), " ")
		}
	}
	return ""
}

func isKeyType(text string) bool {
	return strings.HasPrefix(text, "ssh-") || strings.HasPrefix(text, "ecdsa-") || strings.HasPrefix(text, "sk-")
}

// isKeyData holds for the base64 that every key begins with: the length of the
// name of its type.
func isKeyData(text string) bool { return strings.HasPrefix(text, "AAAA") }
