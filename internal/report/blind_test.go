package report

import (
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func TestBlind(t *testing.T) {
	t.Parallel()
	got := Blind(map[string]model.Meta{
		"process": {Visibility: map[model.Aspect]model.Share{model.AspectExe: {Readable: 3, Total: 5}, model.AspectStat: {Readable: 5, Total: 5}}},
		"sockets": {Visibility: map[model.Aspect]model.Share{model.AspectFd: {Readable: 0, Total: 5}}},
	})
	if len(got) != 2 || !strings.HasPrefix(got[0], "2 of 5 processes hide which program they run.") || !strings.HasPrefix(got[1], "5 of 5 processes hide which sockets") {
		t.Errorf("%q", got)
	}
	if got := Blind(nil); len(got) != 0 {
		t.Errorf("blind without a sensor: %q", got)
	}
}

func TestDefects(t *testing.T) {
	t.Parallel()
	got := Defects(map[string]uint64{"detection": 2, "files": 0})
	if len(got) != 1 || !strings.HasPrefix(got[0], "2 times a defect of the exporter ended the work of detection.") {
		t.Errorf("%q", got)
	}
}
