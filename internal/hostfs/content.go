package hostfs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// HashLimit is how much of a file is hashed, in bytes. Of a longer one the size is
// hashed too, so that padding makes another file.
const HashLimit = 64 << 20

// ContentKey changes whenever the content of a file may have changed.
type ContentKey struct {
	Dev, Inode   uint64
	Size         int64
	Mtime, Ctime unix.Timespec
}

// ContentKeyOf takes a key from stat(2).
func ContentKeyOf(stat *unix.Stat_t) ContentKey {
	return ContentKey{stat.Dev, stat.Ino, stat.Size, stat.Mtim, stat.Ctim}
}

// Content is what is known of a file's content. The zero value is that of nothing known.
type Content struct {
	SHA256 string // of the first HashLimit bytes, in hex
	Facts  model.ContentFacts
}

// ReadContent reads the first HashLimit bytes of a file of a known size, once for the hash
// and for what a matcher finds in them.
func ReadContent(file io.Reader, size int64, matcher *fingerprint.Matcher) (Content, error) {
	digest, scan, head := sha256.New(), matcher.NewScan(), &start{}
	if _, err := io.Copy(io.MultiWriter(digest, scan, head), io.LimitReader(file, HashLimit)); err != nil {
		return Content{}, fmt.Errorf("hash: %w", err)
	}
	if size > HashLimit {
		digest.Write(binary.LittleEndian.AppendUint64(nil, uint64(size)))
	}
	_, isELF := ParseELF(head.bytes[:head.kept])
	return Content{SHA256: hex.EncodeToString(digest.Sum(nil)), Facts: factsOf(matcher, scan.Found(), isELF)}, nil
}

// factsOf leaves out words in what is no program: rules of scanners, scripts and
// documentation name what miners say too. The constants are bytes that no text has.
func factsOf(matcher *fingerprint.Matcher, found fingerprint.Found, isELF bool) model.ContentFacts {
	facts := model.ContentFacts{RandomX: found.RandomX()}
	if !isELF {
		return facts
	}
	if words := matcher.MinerWords(found); len(words) >= fingerprint.EnoughWords {
		facts.MinerWords = words
	}
	facts.Node = found.NodeWords() >= fingerprint.EnoughWords
	return facts
}

// start keeps the first bytes of what is written to it, as many as ParseELF needs.
type start struct {
	bytes [64]byte
	kept  int
}

func (s *start) Write(p []byte) (int, error) {
	s.kept += copy(s.bytes[s.kept:], p)
	return len(p), nil
}
