package submissions

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// maxUploads is how many names of the directory are looked at.
const maxUploads = 1024

// upload is one file that a client sent.
type upload struct {
	file string
	name string // as the client calls it, raw
	at   time.Time
}

// readUploads records the uploads that are new: they may leave no line in the log.
func (r *Reader) readUploads(target Target, f *follower, record func(model.Submission)) error {
	if f.directory == "" {
		return nil
	}
	format, directory := f.format, f.directory // the read may be left behind, and f goes on
	uploads, err := hostfs.Within(r.guard, openTime, func() ([]upload, error) { return r.list(target, format, directory) })
	if errors.Is(err, unix.ENOENT) {
		return nil // it is made again with the next upload
	}
	if err != nil {
		return fmt.Errorf("list the uploads in %s: %w", f.directory, err)
	}
	known := make(map[string]bool, len(uploads))
	for _, u := range uploads {
		known[u.file] = true
		if !f.uploads[u.file] {
			record(model.Submission{Event: model.SubmissionUpload, Time: u.at, Text: u.name})
		}
	}
	f.uploads = known
	return nil
}

func (r *Reader) list(target Target, format Format, directory string) ([]upload, error) {
	root, user, err := r.root(target)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.DirectoryOf(user, directory)
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
		called, ok := format.UploadName(name)
		if !ok {
			continue
		}
		var stat unix.Stat_t
		err := unix.Fstatat(int(file.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW)
		if err == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG {
			found = append(found, upload{name, called, time.Unix(stat.Mtim.Unix())})
		}
	}
	return found, nil
}
