package packages

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pacmanLocal holds a directory NAME-VERSION-RELEASE for each package, with the files
// `files` (names of its files), and `mtree` (mtree(5), compressed by gzip), which has
// their sums.
const pacmanLocal = "/var/lib/pacman/local"

// pacman is the database of Arch Linux and what descends from it.
type pacman struct{}

func (pacman) files() []string { return []string{pacmanLocal} }

func (d pacman) owners(l *look, paths *paths) error {
	directories, err := l.names(pacmanLocal)
	if err != nil {
		return err
	}
	for _, directory := range directories {
		owned, err := d.owned(l, path.Join(pacmanLocal, directory, "files"), paths)
		if err != nil {
			return err
		}
		if len(owned) == 0 {
			continue
		}
		sums, err := d.sums(l, path.Join(pacmanLocal, directory, "mtree"), paths)
		if err != nil {
			return err
		}
		for _, name := range owned {
			found := owner{manager: "pacman", name: pacmanName(directory), why: "the package has no sum of it"}
			if sum, ok := sums[name]; ok {
				found.digest, found.why = sum, ""
			}
			paths.add(name, found)
		}
	}
	return nil
}

// pacmanName takes version and release off the name of a directory.
func pacmanName(directory string) string {
	name := directory
	for range 2 {
		if at := strings.LastIndexByte(name, '-'); at > 0 {
			name = name[:at]
		}
	}
	return name
}

// owned returns which of the paths are among the files of a package.
func (pacman) owned(l *look, name string, paths *paths) (owned []string, err error) {
	section := ""
	err = l.lines(name, func(line []byte) {
		switch {
		case bytes.HasPrefix(line, []byte("%")):
			section = string(line)
		case section == "%FILES%" && len(line) > 0:
			if absolute := "/" + string(line); paths.asks(absolute) {
				owned = append(owned, absolute)
			}
		}
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil // no package, or it was removed meanwhile
	}
	return owned, err
}

// sums returns the sums of those of the paths that an mtree(5) has sums of.
func (pacman) sums(l *look, name string, paths *paths) (map[string]digest, error) {
	sums := map[string]digest{}
	file, err := l.open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return sums, nil
		}
		return nil, err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(l.reader(file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	err = eachLine(l.line, l.reader(unpacked), func(line []byte) {
		if absolute, sum := mtreeLine(line); paths.asks(absolute) && sum.algorithm != none {
			sums[absolute] = sum
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return sums, nil
}

// mtreeLine reads "./usr/bin/x size=7 sha256digest=..." of mtree(5).
func mtreeLine(line []byte) (name string, sum digest) {
	if !bytes.HasPrefix(line, []byte("./")) {
		return "", digest{}
	}
	fields := strings.Fields(string(line))
	for _, field := range fields[1:] {
		keyword, value, _ := strings.Cut(field, "=")
		switch keyword {
		case "sha256digest", "sha256":
			sum = newDigest(sha256sum, value)
		case "md5digest", "md5":
			if sum.algorithm == none {
				sum = newDigest(md5sum, value)
			}
		}
	}
	return unquote(fields[0][1:]), sum
}

// unquote undoes what mtree(5) writes for bytes that are not plain: \040 for a space.
func unquote(name string) string {
	if !strings.Contains(name, `\`) {
		return name
	}
	var plain strings.Builder
	for name != "" {
		if name[0] == '\\' && len(name) >= 4 {
			if value, err := strconv.ParseUint(name[1:4], 8, 8); err == nil {
				plain.WriteByte(byte(value))
				name = name[4:]
				continue
			}
		}
		plain.WriteByte(name[0])
		name = name[1:]
	}
	return plain.String()
}
