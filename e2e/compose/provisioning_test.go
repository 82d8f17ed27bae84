package compose

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

// datasources is Grafana's file (grafana/grafana, pkg/services/provisioning/datasources/types.go), as far as it is used.
type datasources struct {
	APIVersion  int `yaml:"apiVersion"`
	Datasources []struct {
		Name      string         `yaml:"name"`
		Type      string         `yaml:"type"`
		Access    string         `yaml:"access"`
		URL       string         `yaml:"url"`
		IsDefault bool           `yaml:"isDefault"`
		JSONData  map[string]any `yaml:"jsonData"`
	} `yaml:"datasources"`
}

// providers is Grafana's file of dashboards (pkg/services/provisioning/dashboards/types.go), as far as it is used.
type providers struct {
	APIVersion int `yaml:"apiVersion"`
	Providers  []struct {
		Name                  string `yaml:"name"`
		Folder                string `yaml:"folder"`
		Type                  string `yaml:"type"`
		AllowUIUpdates        bool   `yaml:"allowUiUpdates"`
		UpdateIntervalSeconds int    `yaml:"updateIntervalSeconds"`
		Options               struct {
			Path string `yaml:"path"`
		} `yaml:"options"`
	} `yaml:"providers"`
}

// decode reads the only file of a directory, strictly.
func decode(t *testing.T, directory string, into any) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(repository, "dashboards/provisioning", directory, "*"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	content, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Errorf("%s: %v", names[0], err)
	}
}

// TestProvisioning: Grafana asks this Prometheus, and finds the dashboards where its files say.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	project := load(t)
	var sources datasources
	decode(t, "datasources", &sources)
	listens := "--web.listen-address=127.0.0.1:9090"
	if len(sources.Datasources) != 1 || sources.Datasources[0].URL != "http://localhost:9090" || !sources.Datasources[0].IsDefault || sources.Datasources[0].Type != "prometheus" ||
		!slices.Contains(service(t, project, "prometheus").Command, listens) {
		t.Errorf("datasources: %+v", sources)
	}
	var dashboards providers
	decode(t, "dashboards", &dashboards)
	if len(dashboards.Providers) != 1 || dashboards.Providers[0].Type != "file" || sources.APIVersion != 1 || dashboards.APIVersion != 1 {
		t.Fatalf("providers: %+v", dashboards)
	}
	grafana := service(t, project, "grafana")
	count := 0
	for _, volume := range grafana.Volumes {
		if strings.HasSuffix(volume.Target, ".json") {
			count++
			if filepath.Dir(volume.Target) != dashboards.Providers[0].Options.Path {
				t.Errorf("%s is not below %s", volume.Target, dashboards.Providers[0].Options.Path)
			}
		}
		if strings.HasSuffix(volume.Source, "/dashboards/provisioning") && volume.Target != "/etc/grafana/provisioning" {
			t.Errorf("provisioning is at %s", volume.Target)
		}
	}
	home := grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if home == nil || !slices.ContainsFunc(grafana.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == *home }) || count < 3 {
		t.Errorf("the first page is %v, of %d dashboards", home, count)
	}
	for name, value := range grafana.Environment {
		// defaults.ini of Grafana: GF_SECTION_KEY.
		if !regexp.MustCompile(`^GF_(SERVER|AUTH_ANONYMOUS|DASHBOARDS|ANALYTICS|PLUGINS)_[A-Z_]+$`).MatchString(name) || value == nil || *value == "" {
			t.Errorf("%s is no setting of Grafana", name)
		}
	}
}

// TestSecrets: each file that the example of Alertmanager names below its secrets is there for the drill, and holds nothing secret.
func TestSecrets(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(repository, "alerts/alertmanager.yml"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`/etc/alertmanager/secrets/(\S+)`).FindAllStringSubmatch(string(content), -1)
	if len(names) == 0 {
		t.Fatal("it names none")
	}
	for _, name := range names {
		secret, err := os.ReadFile(filepath.Join(repository, "deploy/compose/drill/secrets", name[1]))
		if err != nil || name[1] == "slack_url" && strings.TrimSpace(string(secret)) != "http://"+pagerAddress+"/" {
			t.Errorf("%s: %q, %v", name[1], secret, err)
		}
	}
	pager := service(t, load(t), "pager").Command
	if !strings.HasSuffix(pagerAddress, ":"+pager[len(pager)-1]) {
		t.Errorf("the pager listens as %v says", pager)
	}
}
