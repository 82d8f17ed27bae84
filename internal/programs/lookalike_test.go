package programs

import (
	"os"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestNoProgramOfDebianIsALookalike runs every program of this machine from a home and
// from /usr/local: none may be taken for an imitation, wherever it lies.
func TestNoProgramOfDebianIsALookalike(t *testing.T) {
	t.Parallel()
	names := NewNames()
	tried := 0
	for _, directory := range []string{"/usr/bin", "/usr/sbin", "/usr/lib/systemd"} {
		entries, err := os.ReadDir(directory)
		if err != nil {
			continue // another distribution
		}
		for _, entry := range entries {
			name := entry.Name()
			if names.system[name] {
				continue // one of those that are imitated
			}
			tried++
			for _, p := range []model.Process{
				{Exe: "/home/alice/bin/" + name, Origin: model.OriginHome},
				{Exe: "/home/alice/src/" + name, Origin: model.OriginHome},
				{Exe: "/usr/local/sbin/" + name, Origin: model.OriginLocal},
				{Exe: "/tmp/" + name, Origin: model.OriginTemp},
			} {
				if like := names.Lookalike(name, &p); like.Of != "" && !like.Plain {
					t.Errorf("%s is taken for %s", p.Exe, like.Of)
				}
			}
		}
	}
	if tried == 0 {
		t.Skip("this machine has no programs")
	}
}

// TestHonestNames holds the list to what it is for: each is near to something.
func TestHonestNames(t *testing.T) {
	t.Parallel()
	names := NewNames()
	for _, name := range honestNames() {
		if nearest(name, names.sounds)+nearest(name, names.systemSorted)+nearest(name, names.serversSorted) == "" {
			t.Errorf("%s is near to nothing: it need not be listed", name)
		}
	}
}

func TestSharedMinerNames(t *testing.T) {
	t.Parallel()
	names := NewNames()
	for name, want := range map[string]bool{"ddgs": true, "ddgs.3013": true, "DDGS": true, "ddg": false, "ddgs.py": false, "": false} {
		if got := names.IsSharedMiner(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
		if names.IsMiner(name) {
			t.Errorf("%q alone makes a miner", name)
		}
	}
}
