package hostfs

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// ErrLimit is the answer for what is larger, or more, than is read.
var ErrLimit = errors.New("it is more than is read")

// ReasonOf names the cause of a failed read, for the label `reason`. What neither
// the kernel nor this package said comes from a parser.
func ReasonOf(err error) model.Reason {
	var errno unix.Errno
	switch {
	case errors.Is(err, fs.ErrPermission):
		return model.ReasonPermission
	case errors.Is(err, ErrOwner):
		return model.ReasonOther
	case Vanished(err):
		return model.ReasonVanished
	case errors.Is(err, ErrTimeout), errors.Is(err, unix.ETIMEDOUT),
		errors.Is(err, unix.EAGAIN): // somebody holds a lease (fcntl(2))
		return model.ReasonTimeout
	case errors.Is(err, ErrPanic):
		return model.ReasonPanic
	case errors.As(err, &errno), errors.Is(err, ErrRemote), errors.Is(err, ErrKind), errors.Is(err, ErrLimit):
		return model.ReasonOther
	default:
		return model.ReasonParse
	}
}

// Vanished tells whether a file or process ended while it was looked at: either its
// name is no more, or it was opened in time and read too late (ESRCH of procfs,
// ESTALE).
func Vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ESTALE)
}
