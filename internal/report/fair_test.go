package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestAUserPushesRootOffNoPage: his findings are worse and older than root's.
func TestAUserPushesRootOffNoPage(t *testing.T) {
	t.Parallel()
	r := idle()
	add := func(owner, path string, severity model.Severity) {
		r.Findings.Active = append(r.Findings.Active, model.Finding{
			ID: path, Severity: severity, Title: path + " runs what it should not",
			Persistence: &model.PersistenceEntry{Kind: model.PersistenceAutostart, Owner: owner, Path: path},
		})
	}
	for i := range 64 {
		add("eve", fmt.Sprintf("/home/eve/%d.desktop", i), model.Critical)
	}
	add("max", "/home/max/x.desktop", model.Critical)
	add("", "/etc/xdg/autostart/root.desktop", model.Critical)
	var text strings.Builder
	if err := Text(&text, r, false); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/etc/xdg/autostart/root.desktop runs", "/home/max/x.desktop runs", "mv /etc/xdg/autostart/root.desktop "} {
		if !strings.Contains(text.String(), path) {
			t.Errorf("%q is not shown:\n%s", path, text.String())
		}
	}
}
