package findings

import (
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestFileOfAContainer is called by the container's name, or by its id where it has none.
func TestFileOfAContainer(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{"shop-redis-1": "(in container shop-redis-1, user 0,", "": "(in container 0123456789ab, user 0,"} {
		found := OfFiles(&model.FileSnapshot{Files: []model.File{{
			Path: "/tmp/.x/kdevtmpfsi", Directory: "/tmp", Reason: model.FileKnownMiner, KnownMiner: true, Container: "0123456789ab", ContainerTitle: title, User: "0",
		}}})
		if len(found) != 1 || !strings.Contains(found[0].Evidence[0], want) || found[0].ID != "file:0123456789ab:/tmp/.x/kdevtmpfsi" {
			t.Errorf("%+v", found)
		}
	}
}
