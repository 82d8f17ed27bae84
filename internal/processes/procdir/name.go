package procdir

import (
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// IsNameOf tells whether a name, as a process sees it, belongs to root and leads to a
// file. A name in a directory of one's own proves nothing: everybody can make a link.
func (r *Reader) IsNameOf(pid int, name string, file model.FileID) (bool, error) {
	root, err := hostfs.OpenRoot(r.Path(pid, "root"))
	if err != nil {
		return false, err
	}
	defer root.Close()
	link, err := root.File(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return false, err
	}
	defer link.Close()
	if stat, err := hostfs.Stat(link); err != nil || stat.Uid != 0 {
		return false, err
	}
	target, err := root.File(name, unix.O_PATH)
	if err != nil {
		return false, err
	}
	defer target.Close()
	stat, err := hostfs.Stat(target)
	return err == nil && FileID(&stat) == file, err
}
