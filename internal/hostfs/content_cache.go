package hostfs

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
)

// contentEntries bounds a cache of contents.
const contentEntries = 16384

// errReplaced is a kind of Vanished.
var errReplaced = fmt.Errorf("another file has taken its place: %w", unix.ESTALE)

// ContentCache remembers the contents of files by their keys, at most 16,384. It may be
// used by several goroutines.
type ContentCache struct {
	matcher *fingerprint.Matcher

	mu       sync.Mutex
	contents map[ContentKey]Content
}

// NewContentCache returns an empty cache of what the matcher finds.
func NewContentCache(matcher *fingerprint.Matcher) *ContentCache {
	return &ContentCache{matcher: matcher, contents: map[ContentKey]Content{}}
}

// Get returns a content that is known.
func (c *ContentCache) Get(key ContentKey) (Content, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	content, ok := c.contents[key]
	return content, ok
}

// put remembers a content. A full cache is emptied: what still runs is read
// again within its budget.
func (c *ContentCache) put(key ContentKey, content Content) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.contents) >= contentEntries {
		clear(c.contents)
	}
	c.contents[key] = content
}

// Read returns the content of the file behind /proc/PID/exe, unless the process runs
// another file by now. Links to the file may have come and gone.
func (c *ContentCache) Read(name string, key ContentKey) (Content, error) {
	return c.readIf(name, key, func(now ContentKey) bool { return now.Dev == key.Dev && now.Inode == key.Inode })
}

// ReadSame is Read for a path: the file must still be the one with this key, unchanged.
func (c *ContentCache) ReadSame(name string, key ContentKey) (Content, error) {
	return c.readIf(name, key, func(now ContentKey) bool { return now == key })
}

func (c *ContentCache) readIf(name string, key ContentKey, fits func(ContentKey) bool) (Content, error) {
	file, err := OpenLocal(name)
	if err != nil {
		return Content{}, err
	}
	defer file.Close()
	stat, err := Stat(file)
	if err != nil {
		return Content{}, fmt.Errorf("%s: %w", name, err)
	}
	if !fits(ContentKeyOf(&stat)) {
		return Content{}, fmt.Errorf("%s: %w", name, errReplaced)
	}
	content, err := ReadContent(file, key.Size, c.matcher)
	if err != nil {
		return Content{}, fmt.Errorf("%s: %w", name, err)
	}
	c.put(key, content)
	return content, nil
}
