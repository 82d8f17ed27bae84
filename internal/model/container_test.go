package model

import "testing"

func TestContainerTitle(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]*Container{
		"":                        nil,
		"0123456789ab":            {ID: "0123456789abcdef"},
		"web":                     {ID: "0123456789abcdef", Name: "web"},
		"app of the pod shop/web": {Name: "app", KubeNamespace: "shop", KubePod: "web"},
		"of the pod shop/web":     {ID: "0123456789abcdef", KubeNamespace: "shop", KubePod: "web"},
	} {
		if got := c.Title(); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
	if (*Container)(nil).Known() || (*Container)(nil).WholeSystem() || !(&Container{Runtime: RuntimeLXC}).WholeSystem() || (&Container{Runtime: RuntimePodman}).WholeSystem() {
		t.Error("LXC's are whole systems, Podman's are not")
	}
}
