package flinklog

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxUploads is how many names of the directory are looked at.
const maxUploads = 1024

// uploadName is what the JobManager calls a jar that was uploaded whole: a UUID and
// the client's name (JarUploadHandler).
var uploadName = regexp.MustCompile(`(?s)^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}_(.*\.jar)$`)

// upload is one jar that lies in the directory.
type upload struct {
	file string
	name string // as the client calls it, raw
	at   time.Time
}

// readUploads notes the jars that are new. An upload leaves no line in the log.
func (r *Reader) readUploads(target Target, followed *follower, note func(model.FlinkEntry)) error {
	if followed.directory == "" {
		return nil
	}
	uploads, err := hostfs.Within(r.guard, openTime, func() ([]upload, error) { return r.list(target.Owner.PID, followed.directory) })
	if errors.Is(err, unix.ENOENT) {
		return nil // it is made again with the next upload
	}
	if err != nil {
		return fmt.Errorf("list the uploads in %s: %w", followed.directory, err)
	}
	known := make(map[string]bool, len(uploads))
	for _, jar := range uploads {
		known[jar.file] = true
		if !followed.jars[jar.file] {
			note(model.FlinkEntry{Event: model.FlinkJarUpload, Time: jar.at, Text: jar.name[:min(len(jar.name), textLimit)]})
		}
	}
	followed.jars = known
	return nil
}

func (r *Reader) list(pid int, directory string) ([]upload, error) {
	root, err := hostfs.OpenRoot(filepath.Join(r.proc, strconv.Itoa(pid), "root"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.Directory(directory)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	names, err := file.Readdirnames(maxUploads)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var found []upload
	for _, name := range names {
		match := uploadName.FindStringSubmatch(name)
		var stat unix.Stat_t
		if match == nil || unix.Fstatat(int(file.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		found = append(found, upload{name, match[1], time.Unix(stat.Mtim.Unix())})
	}
	return found, nil
}
