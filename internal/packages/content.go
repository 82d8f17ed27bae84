package packages

import (
	"crypto/md5"  // dpkg has no other sums
	"crypto/sha1" // apk has no other sums
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// algorithm is how a digest is made. The zero value is none.
type algorithm int

const (
	none algorithm = iota
	md5sum
	sha1sum
	sha224sum
	sha256sum
	sha384sum
	sha512sum
)

func (a algorithm) new() hash.Hash {
	switch a {
	case md5sum:
		return md5.New()
	case sha1sum:
		return sha1.New()
	case sha224sum:
		return sha256.New224()
	case sha384sum:
		return sha512.New384()
	case sha512sum:
		return sha512.New()
	default:
		return sha256.New()
	}
}

// size is how long a digest is, in bytes.
func (a algorithm) size() int {
	return [...]int{0, md5.Size, sha1.Size, sha256.Size224, sha256.Size, sha512.Size384, sha512.Size}[a]
}

const (
	// contentLimit is the largest program that is compared, in bytes.
	contentLimit   = 1 << 30
	contentEntries = 4096
)

// program is a file as it is now.
type program struct {
	key     hostfs.ContentKey
	changed time.Time
}

func (p *program) id() model.FileID { return model.FileID{Dev: p.key.Dev, Inode: p.key.Inode} }

// openProgram opens a program below the root.
func openProgram(root *hostfs.Root, name string) (*os.File, program, error) {
	file, err := root.Regular(name)
	if err != nil {
		return nil, program{}, err
	}
	stat, err := hostfs.Stat(file)
	if err != nil {
		file.Close()
		return nil, program{}, err
	}
	return file, program{hostfs.ContentKeyOf(&stat), time.Unix(stat.Ctim.Unix())}, nil
}

// contents remembers the digests of files, each for as long as the file is not changed.
// A read that was left behind may still write to it.
type contents struct {
	mu    sync.Mutex
	known map[contentKey]string
}

type contentKey struct {
	hostfs.ContentKey
	algorithm algorithm
}

// digest returns the digest of a whole file, in hex, and how many bytes it had to read.
func (c *contents) digest(file io.Reader, key hostfs.ContentKey, by algorithm) (sum string, read int64, err error) {
	c.mu.Lock()
	sum, ok := c.known[contentKey{key, by}]
	c.mu.Unlock()
	if ok {
		return sum, 0, nil
	}
	if key.Size > contentLimit {
		return "", 0, hostfs.ErrLimit
	}
	digest := by.new()
	read, err = io.Copy(digest, io.LimitReader(file, contentLimit))
	if err != nil {
		return "", read, fmt.Errorf("compare its content: %w", err)
	}
	if read != key.Size {
		return "", read, fmt.Errorf("it was changed meanwhile: %w", unix.ESTALE)
	}
	sum = hex.EncodeToString(digest.Sum(nil))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= contentEntries {
		clear(c.known)
	}
	c.known[contentKey{key, by}] = sum
	return sum, read, nil
}

// has tells whether a digest is known.
func (c *contents) has(key hostfs.ContentKey, by algorithm) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.known[contentKey{key, by}]
	return ok
}
