package packages

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
)

// apk is the database of Alpine Linux: one file of text. A line has a letter, a colon
// and a value: P names a package, F a directory of it, R a file in that, and Z its sum;
// an empty line ends the package (apk-tools, src/database.c).
type apk struct{}

func (apk) files() []string { return []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} }

// owners reads the first of the two files that is there: where /lib is a link, both are
// the same.
func (d apk) owners(l *look, paths *paths) error {
	for _, name := range d.files() {
		found := apkReader{paths: paths}
		err := l.lines(name, found.line)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found.flush()
		return err
	}
	return nil
}

// apkReader is where in the file it is.
type apkReader struct {
	paths                    *paths
	pkg, directory, fileName string
	sum                      digest
}

func (r *apkReader) line(line []byte) {
	if len(line) < 2 || line[1] != ':' {
		r.flush()
		if len(line) == 0 {
			r.pkg, r.directory = "", ""
		}
		return
	}
	value := line[2:]
	switch line[0] {
	case 'P':
		r.flush()
		r.pkg = string(value)
	case 'F':
		r.flush()
		r.directory = "/"
		if len(value) > 0 {
			r.directory = "/" + string(value) + "/"
		}
	case 'R':
		r.flush()
		r.fileName = string(value)
	case 'Z':
		r.sum = apkSum(string(value))
	}
}

// flush ends a file.
func (r *apkReader) flush() {
	if r.fileName != "" {
		found := owner{manager: "apk", name: r.pkg, digest: r.sum}
		if found.digest.algorithm == none {
			found.why = "the package has no sum of it"
		}
		r.paths.add(r.directory+r.fileName, found)
	}
	r.fileName, r.sum = "", digest{}
}

// apkSum reads "Q1" and a SHA-1 in base64, or "Q2" and a SHA-256. What is another is
// not known.
func apkSum(value string) digest {
	if len(value) < 2 || value[0] != 'Q' {
		return newDigest(md5sum, value)
	}
	by := map[byte]algorithm{'1': sha1sum, '2': sha256sum}[value[1]]
	content, err := base64.StdEncoding.DecodeString(value[2:])
	if err != nil {
		return digest{}
	}
	return newDigest(by, hex.EncodeToString(content))
}
