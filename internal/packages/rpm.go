package packages

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/packages/rpmdb"
)

// rpm is the database of Fedora, RHEL, SUSE and what descends from them.
type rpm struct{}

// The names of the database, by its format.
const (
	rpmSQLite = "rpmdb.sqlite"
	rpmLog    = rpmSQLite + "-wal"
	rpmNDB    = "Packages.db"
	rpmBDB    = "Packages"
)

// rpmDirectories is where the database may be: most are links to the first where that is
// there.
func rpmDirectories() []string {
	return []string{"/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm"}
}

func (rpm) files() (names []string) {
	for _, directory := range rpmDirectories() {
		for _, name := range []string{rpmSQLite, rpmLog, rpmNDB, rpmBDB} {
			names = append(names, path.Join(directory, name))
		}
	}
	return names
}

// owners reads the first database that is there. Where rpm was converted to a newer
// format, that comes first.
func (d rpm) owners(l *look, paths *paths) error {
	for _, directory := range rpmDirectories() {
		for _, name := range []string{rpmSQLite, rpmNDB, rpmBDB} {
			file, err := l.open(path.Join(directory, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			defer file.Close()
			if err := d.read(l, paths, directory, name, file); err != nil {
				return fmt.Errorf("%s: %w", path.Join(directory, name), err)
			}
			return nil
		}
	}
	return nil
}

func (d rpm) read(l *look, paths *paths, directory, name string, file *os.File) error {
	bases := map[string]bool{}
	for name := range paths.asked {
		bases[path.Base(name)] = true
	}
	base := func(name []byte) bool { return bases[string(name)] }
	do := func(blob []byte) error {
		pkg, files, err := rpmdb.Files(blob, base, paths.asks)
		for _, file := range files {
			paths.add(file.Name, d.owner(pkg, file))
		}
		return err
	}
	switch name {
	case rpmNDB:
		return rpmdb.NDB(l.readerAt(file), do)
	case rpmBDB:
		return rpmdb.BDB(l.readerAt(file), do)
	}
	log, err := l.open(path.Join(directory, rpmLog))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return rpmdb.SQLite(l.readerAt(file), nil, 0, base, do)
		}
		return err
	}
	defer log.Close()
	stat, err := hostfs.Stat(log)
	if err != nil {
		return err
	}
	return rpmdb.SQLite(l.readerAt(file), l.readerAt(log), stat.Size, base, do)
}

// owner says what a package has for a file. The numbers of algorithms are those of OpenPGP.
func (rpm) owner(pkg string, file rpmdb.File) owner {
	by := map[int]algorithm{1: md5sum, 2: sha1sum, 8: sha256sum, 9: sha384sum, 10: sha512sum, 11: sha224sum}[file.Algorithm]
	found := owner{manager: "rpm", name: pkg, digest: newDigest(by, file.Digest)}
	switch {
	case file.MayChange:
		found.digest, found.why = digest{}, "the package says that its content may change"
	case found.digest.algorithm == none:
		found.why = "the package has no sum of it"
	}
	return found
}

// readerAt reads an open file at any place, within the limits of the question.
func (l *look) readerAt(file io.ReaderAt) io.ReaderAt { return boundedReaderAt{l, file} }

type boundedReaderAt struct {
	*look
	file io.ReaderAt
}

func (b boundedReaderAt) ReadAt(p []byte, at int64) (int, error) {
	switch {
	case int64(len(p)) > b.left:
		return 0, hostfs.ErrLimit
	case time.Now().After(b.until):
		return 0, errTooLong
	}
	b.left -= int64(len(p))
	return b.file.ReadAt(p, at)
}
