package sigma

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// TestFiles: each rule is complete, its id is its own, and every name that the exporter knows is in it. A parser of Sigma reads them in e2e/sigma.
func TestFiles(t *testing.T) {
	t.Parallel()
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	var ids []string
	for name, content := range files {
		var r rule
		if err := yaml.Unmarshal(content, &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Title == "" || r.Description == "" || r.Level == "" || len(r.Tags) == 0 || r.Detection["condition"] == nil || !uuid.MatchString(r.ID) || slices.Contains(ids, r.ID) {
			t.Errorf("%s: %s", name, content)
		}
		ids = append(ids, r.ID)
	}
	byName := string(files["proc_creation_lnx_cryptojack_miner_name.yml"])
	for _, miner := range programs.MinerNames() {
		if !strings.Contains(byName, "- /"+miner+"\n") {
			t.Errorf("%s is in no rule", miner)
		}
	}
}
