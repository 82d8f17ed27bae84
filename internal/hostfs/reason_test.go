package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestReasonOf(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]model.Reason{
		unix.EACCES: model.ReasonPermission, unix.EPERM: model.ReasonPermission, fs.ErrPermission: model.ReasonPermission,
		unix.ENOENT: model.ReasonVanished, unix.ESRCH: model.ReasonVanished, unix.ESTALE: model.ReasonVanished,
		ErrTimeout: model.ReasonTimeout, unix.EAGAIN: model.ReasonTimeout, unix.ETIMEDOUT: model.ReasonTimeout,
		ErrPanic: model.ReasonPanic,
		unix.EIO: model.ReasonOther, unix.EMFILE: model.ReasonOther, unix.EISDIR: model.ReasonOther,
		ErrRemote: model.ReasonOther, ErrKind: model.ReasonOther, ErrLimit: model.ReasonOther,
		errors.New("field 3 is no number"): model.ReasonParse,
	} {
		if got := ReasonOf(fmt.Errorf("read x: %w", err)); got != want {
			t.Errorf("%v: got %s, want %s", err, got, want)
		}
	}
}
