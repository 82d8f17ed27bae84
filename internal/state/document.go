package state

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// What each part may take of a file, in bytes; together less than maxBytes.
const (
	maxActive   = 256 << 10
	maxHistory  = 384 << 10
	maxBaseline = 320 << 10
)

const (
	maxPath  = 4096     // bytes of a path that is read back (PATH_MAX)
	maxFiles = 32 << 10 // that are read back
	keyBytes = 16

	mostActive, mostEnded = 4096, 256 // that are read back
)

// Saved is what is kept.
type Saved struct {
	Active      []model.Remembered         // the most important first
	History     []model.Ended              // the last first
	Persistence *model.PersistenceBaseline // nil if it is not known
}

// document is the content of a file. Findings have the names of the model's fields: a test holds that none of them changes by
// an oversight.
type document struct {
	Active      []json.RawMessage `json:"active"`
	History     []json.RawMessage `json:"history"`
	Persistence *baseline         `json:"persistence,omitempty"`
}

// baseline has the files by where they were found.
type baseline struct {
	Key      []byte  `json:"key"`
	Version  int     `json:"version"`
	System   bool    `json:"system"`
	AllUsers bool    `json:"all_users"`
	Places   []place `json:"places"`
}

// place is where files were found. Its texts are quoted as in Go, as any byte may be in them.
type place struct {
	origin
	Files map[string][]byte `json:"files"` // hashes of 8 bytes each, by name
}

type origin struct {
	Kind      model.PersistenceKind `json:"kind"`
	Directory string                `json:"directory"`
	Home      string                `json:"home,omitempty"`
	Owner     string                `json:"owner,omitempty"`
}

// Encode returns at most 1 MiB. What there is no room for is left out, the last of each list first.
func Encode(s Saved) ([]byte, error) {
	var d document
	var err error
	if d.Active, err = encodeAll(s.Active, maxActive); err != nil {
		return nil, err
	}
	if d.History, err = encodeAll(s.History, maxHistory); err != nil {
		return nil, err
	}
	if s.Persistence != nil {
		d.Persistence = encodeBaseline(s.Persistence)
	}
	out, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode what is known: %w", err)
	}
	return out, nil
}

func encodeAll[T any](list []T, room int) ([]json.RawMessage, error) {
	out := []json.RawMessage{}
	for i := range list {
		encoded, err := json.Marshal(&list[i])
		if err != nil {
			return nil, fmt.Errorf("encode what is known: %w", err)
		}
		if room -= len(encoded) + 1; room < 0 {
			break
		}
		out = append(out, encoded)
	}
	return out, nil
}

// encodeBaseline leaves out files of users first, and says that they are not all.
func encodeBaseline(b *model.PersistenceBaseline) *baseline {
	const ofFile, ofPlace = 8, 80 // bytes of JSON around names
	out := &baseline{Key: b.Key, Version: b.Version, System: b.System, AllUsers: b.AllUsers, Places: []place{}}
	room := maxBaseline
	at := map[origin]int{}
	for _, users := range []bool{false, true} {
		for i := range b.Files {
			f := &b.Files[i]
			if (f.Owner != "") != users {
				continue
			}
			from := origin{Kind: f.Kind, Directory: quote(f.Directory), Home: quote(f.Home), Owner: quote(f.Owner)}
			name := quote(strings.TrimPrefix(f.Path, strings.TrimSuffix(f.Directory, "/")+"/"))
			need := ofFile + escapedLength(name) + 4*(8*len(f.Entries)+2)/3
			index, known := at[from]
			if !known {
				need += ofPlace + escapedLength(from.Directory) + escapedLength(from.Home) + escapedLength(from.Owner)
			}
			if need > room {
				out.System, out.AllUsers = out.System && users, false
				continue
			}
			room -= need
			if !known {
				index = len(out.Places)
				at[from] = index
				out.Places = append(out.Places, place{origin: from, Files: map[string][]byte{}})
			}
			hashes := make([]byte, 0, 8*len(f.Entries))
			for _, entry := range f.Entries {
				hashes = binary.BigEndian.AppendUint64(hashes, entry)
			}
			out.Places[index].Files[name] = hashes
		}
	}
	return out
}

// quote writes any bytes as plain text, which plain text itself is.
func quote(s string) string {
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

// escapedLength is at least how long a quoted text is in JSON.
func escapedLength(quoted string) int {
	return len(quoted) + strings.Count(quoted, `\`) + 5*strings.Count(quoted, "<") + 5*strings.Count(quoted, ">") + 5*strings.Count(quoted, "&")
}

func unquote(s string) (string, bool) {
	raw, err := strconv.Unquote(`"` + s + `"`)
	return raw, err == nil && len(raw) <= maxPath
}

// Decode reads what Encode wrote, or somebody else: what is not understood of a part is left out. Findings are checked by
// whoever takes them over (history.Keeper).
func Decode(content []byte) (Saved, error) {
	var d document
	if err := json.Unmarshal(content, &d); err != nil {
		return Saved{}, fmt.Errorf("its content is not understood: %w", err)
	}
	saved := Saved{Active: decodeAll[model.Remembered](d.Active, mostActive), History: decodeAll[model.Ended](d.History, mostEnded)}
	if d.Persistence != nil {
		saved.Persistence = d.Persistence.decode()
	}
	return saved, nil
}

func decodeAll[T any](list []json.RawMessage, most int) []T {
	var out []T
	for _, encoded := range list[:min(len(list), most)] {
		var decoded T
		if err := json.Unmarshal(encoded, &decoded); err == nil {
			out = append(out, decoded)
		}
	}
	return out
}

func (b *baseline) decode() *model.PersistenceBaseline {
	if len(b.Key) != keyBytes {
		return nil
	}
	out := &model.PersistenceBaseline{Key: b.Key, Version: b.Version, System: b.System, AllUsers: b.AllUsers}
	kinds := model.PersistenceKinds()
	for _, p := range b.Places {
		directory, ok := unquote(p.Directory)
		home, ok2 := unquote(p.Home)
		owner, ok3 := unquote(p.Owner)
		if !ok || !ok2 || !ok3 || !path.IsAbs(directory) || !slices.Contains(kinds, p.Kind) {
			continue
		}
		for _, quoted := range slices.Sorted(maps.Keys(p.Files)) {
			name, ok := unquote(quoted)
			hashes := p.Files[quoted]
			if !ok || name == "" || len(hashes)%8 != 0 || len(out.Files) == maxFiles {
				continue
			}
			file := model.PersistenceKnown{Kind: p.Kind, Path: name, Directory: directory, Home: home, Owner: owner}
			if !path.IsAbs(name) {
				file.Path = strings.TrimSuffix(directory, "/") + "/" + name
			}
			for ; len(hashes) > 0; hashes = hashes[8:] {
				file.Entries = append(file.Entries, binary.BigEndian.Uint64(hashes))
			}
			slices.Sort(file.Entries)
			out.Files = append(out.Files, file)
		}
	}
	return out
}
