// Package packages answers whose file a program is: which package owns a path, and
// whether its content is the one that the package has. It reads the databases of dpkg,
// rpm, pacman and apk below a root, each only when somebody asks, bounded in bytes and
// time. What it finds is in the words of model.PackageFact.
//
// Only what runs from the host's own files is asked about: images of containers have
// databases of their own, which are not read. Neither are flatpak, snap and nix: their
// programs do not lie in a system's directories.
package packages

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	fileLimit  = 512 << 20        // of one file of a database, in bytes: rpm keeps all in one
	bytesLimit = 1 << 30          // of all that one question reads
	namesLimit = 65536            // of files in a directory
	lineLimit  = 64 << 10         // a path has at most 4,096 bytes (PATH_MAX)
	timeLimit  = 20 * time.Second // for one question
)

// owner is what a database says of a path.
type owner struct {
	manager string
	name    string // of the package
	digest  digest
	why     string // there is no digest, words for a sentence; "" if there is one
}

// digest is the content that a package has for a file.
type digest struct {
	algorithm algorithm
	hex       string
}

// newDigest takes a digest in hex; what is none is the zero value.
func newDigest(by algorithm, sum string) digest {
	if by == none || len(sum) != 2*by.size() {
		return digest{}
	}
	return digest{by, strings.ToLower(sum)}
}

// database is the record of one package manager.
type database interface {
	// files are what changes with every change of a package. A database of which none is
	// there is not this host's.
	files() []string
	// owners adds whom the paths belong to.
	owners(l *look, paths *paths) error
}

// databases are all that are known.
func databases() []database { return []database{dpkg{}, rpm{}, pacman{}, apk{}} }

// errTooLong is the answer for a question that took too long.
var errTooLong = fmt.Errorf("the databases of packages take too long to read: %w", hostfs.ErrTimeout)

// look is one question to the databases: it reads, and counts what it reads.
type look struct {
	root  *hostfs.Root
	until time.Time
	left  int64 // bytes that may still be read
	line  *bufio.Reader
}

func newLook(root *hostfs.Root) *look {
	return &look{root: root, until: time.Now().Add(timeLimit), left: bytesLimit, line: bufio.NewReaderSize(nil, lineLimit)}
}

// open opens a file of a database. The caller closes it.
func (l *look) open(name string) (*os.File, error) {
	if time.Now().After(l.until) {
		return nil, errTooLong
	}
	file, err := l.root.Regular(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return file, nil
}

// reader reads an open file within the limits; beyond them it fails with ErrLimit or
// errTooLong.
func (l *look) reader(file io.Reader) io.Reader {
	return &boundedReader{look: l, file: file, left: fileLimit}
}

type boundedReader struct {
	*look
	file io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	switch {
	case b.left <= 0 || b.look.left <= 0:
		return 0, hostfs.ErrLimit
	case time.Now().After(b.until):
		return 0, errTooLong
	}
	n, err := b.file.Read(p[:min(int64(len(p)), b.left, b.look.left)])
	b.left -= int64(n)
	b.look.left -= int64(n)
	return n, err
}

// read returns a whole file of a database.
func (l *look) read(name string, limit int64) ([]byte, error) {
	file, err := l.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(l.reader(file), limit+1))
	if err == nil && int64(len(content)) > limit {
		err = hostfs.ErrLimit
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

// lines calls do with each line of a file, which is valid until do returns. Lines longer than
// lineLimit are left out: no path is.
func (l *look) lines(name string, do func(line []byte)) error {
	file, err := l.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := eachLine(l.line, l.reader(file), do); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// eachLine calls do with each line of from, through a buffer.
func eachLine(buffer *bufio.Reader, from io.Reader, do func(line []byte)) error {
	buffer.Reset(from)
	whole := true
	for {
		line, err := buffer.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			whole = false
			continue
		}
		if whole && len(line) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			do(bytes.TrimSuffix(line, []byte("\n")))
		}
		whole = true
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// names lists a directory of a database.
func (l *look) names(name string) ([]string, error) {
	directory, err := l.root.Directory(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer directory.Close()
	names, err := directory.Readdirnames(namesLimit + 1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err == nil && len(names) > namesLimit:
		err = hostfs.ErrLimit
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return names, nil
}

// stamp changes whenever a file of a database has changed.
type stamp struct {
	inode        uint64
	size         int64
	mtime, ctime unix.Timespec
}

// stampOf returns the stamp of a file or directory, and the newest of its two times:
// mtime is when it was written, and ctime is newer where a host was restored from an
// archive, as all its files are then.
func stampOf(root *hostfs.Root, name string) (stamp, time.Time, error) {
	file, err := root.File(name, unix.O_PATH)
	if err != nil {
		return stamp{}, time.Time{}, fmt.Errorf("%s: %w", name, err)
	}
	defer file.Close()
	stat, err := hostfs.Stat(file)
	if err != nil {
		return stamp{}, time.Time{}, fmt.Errorf("%s: %w", name, err)
	}
	newest := time.Unix(stat.Mtim.Unix())
	if changed := time.Unix(stat.Ctim.Unix()); changed.After(newest) {
		newest = changed
	}
	return stamp{stat.Ino, stat.Size, stat.Mtim, stat.Ctim}, newest, nil
}
