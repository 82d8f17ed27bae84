package compose

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// repository is the root of the repository, seen from here.
const repository = "../.."

// load reads compose.yml as `docker compose` does, with the profile of the drill.
func load(t *testing.T, environment ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(repository, "deploy/compose/compose.yml")}, cli.WithProfiles([]string{"drill"}), cli.WithEnv(environment))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func service(t *testing.T, project *types.Project, name string) types.ServiceConfig {
	t.Helper()
	found, err := project.GetService(name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestServices: the drill starts only where it is asked for, everything is pinned, and nothing has more rights than it needs.
func TestServices(t *testing.T) {
	t.Parallel()
	project := load(t)
	names := project.ServiceNames()
	slices.Sort(names)
	if want := []string{"alertmanager", "drill", "exporter", "grafana", "pager", "prometheus"}; !slices.Equal(names, want) {
		t.Fatalf("services %v, want %v", names, want)
	}
	pinned := regexp.MustCompile(`^[a-z/]+:v?[0-9]+\.[0-9]+[a-z0-9.-]*$`)
	for _, s := range project.Services {
		if s.Build == nil && !pinned.MatchString(s.Image) {
			t.Errorf("%s: the image %s has no version", s.Name, s.Image)
		}
		if s.Privileged || len(s.CapAdd) > 0 && s.Name != "exporter" || s.Pid != "" && s.Name != "exporter" {
			t.Errorf("%s has rights that it does not need", s.Name)
		}
		if drills := slices.Contains([]string{"drill", "pager"}, s.Name); slices.Equal(s.Profiles, []string{"drill"}) != drills {
			t.Errorf("%s has the profiles %v", s.Name, s.Profiles)
		}
		if len(s.Ports) > 0 {
			t.Errorf("%s publishes ports", s.Name)
		}
	}
	drill := service(t, project, "drill")
	if drill.NetworkMode != "none" || drill.CPUS != 1 || drill.User != "1000:1000" || !drill.ReadOnly || !slices.Equal(drill.CapDrop, []string{"ALL"}) {
		t.Errorf("the drill may do harm: %+v", drill)
	}
}

// TestMounts: what is mounted is there, and is the repository's own.
func TestMounts(t *testing.T) {
	t.Parallel()
	top, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	mounted := map[string]string{} // source below the repository to target
	for _, s := range load(t).Services {
		for _, volume := range s.Volumes {
			if volume.Type != types.VolumeTypeBind || volume.Source == "/" {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", s.Name, err)
			}
			if !volume.ReadOnly {
				t.Errorf("%s may change %s", s.Name, volume.Source)
			}
			relative, err := filepath.Rel(top, volume.Source)
			if err != nil {
				t.Fatal(err)
			}
			mounted[relative] = volume.Target
		}
	}
	dashboards, err := filepath.Glob(filepath.Join(repository, "dashboards/*.json"))
	if err != nil || len(dashboards) == 0 {
		t.Fatal(dashboards, err)
	}
	wanted := []string{"alerts/alertmanager.yml", "alerts/templates", "alerts/cryptojack.rules.yml", "dashboards/provisioning"}
	for _, name := range dashboards {
		wanted = append(wanted, "dashboards/"+filepath.Base(name))
	}
	for _, name := range wanted {
		if mounted[name] == "" {
			t.Errorf("%s is not mounted", name)
		}
	}
	// What Prometheus and Alertmanager find relative to their configuration.
	configuration := mounted["deploy/compose/prometheus.yml"]
	if found := filepath.Join(filepath.Dir(configuration), "../../alerts/cryptojack.rules.yml"); found != mounted["alerts/cryptojack.rules.yml"] {
		t.Errorf("Prometheus looks for its rules at %s, they are at %s", found, mounted["alerts/cryptojack.rules.yml"])
	}
	if found := filepath.Join(filepath.Dir(mounted["alerts/alertmanager.yml"]), "templates"); found != mounted["alerts/templates"] {
		t.Errorf("Alertmanager looks for its templates at %s, they are at %s", found, mounted["alerts/templates"])
	}
}

// TestOwnConfiguration: one's own Alertmanager configuration takes the place of the example.
func TestOwnConfiguration(t *testing.T) {
	t.Parallel()
	alertmanager := service(t, load(t, "ALERTMANAGER_CONFIG=/mine/alertmanager.yml", "ALERTMANAGER_SECRETS=/mine/secrets"), "alertmanager")
	var sources []string
	for _, volume := range alertmanager.Volumes {
		sources = append(sources, volume.Source)
	}
	for _, want := range []string{"/mine/alertmanager.yml", "/mine/secrets"} {
		if !slices.Contains(sources, want) {
			t.Errorf("it mounts %v, not %s", sources, want)
		}
	}
}

// TestManual: the exporter is started as the manual says.
func TestManual(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile(filepath.Join(repository, "docs/install.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(manual), "docker run -d ")
	words := strings.Fields(strings.ReplaceAll(strings.Split(after, "```")[0], "\\\n", " "))
	exporter := service(t, load(t), "exporter")
	said := []string{"--name", "cryptojack_exporter", "--pid=" + exporter.Pid, "--net=" + exporter.NetworkMode}
	if exporter.ReadOnly {
		said = append(said, "--read-only")
	}
	for _, capability := range exporter.CapDrop {
		said = append(said, "--cap-drop="+capability)
	}
	for _, capability := range exporter.CapAdd {
		said = append(said, "--cap-add="+capability)
	}
	for _, option := range exporter.SecurityOpt {
		said = append(said, "--security-opt="+option)
	}
	for _, volume := range exporter.Volumes {
		if volume.ReadOnly && volume.Bind != nil {
			said = append(said, "-v", volume.Source+":"+volume.Target+":ro,"+volume.Bind.Propagation)
		}
	}
	said = append(append(said, "cryptojack_exporter"), slices.DeleteFunc(slices.Clone([]string(exporter.Command)), func(word string) bool {
		return strings.HasPrefix(word, "--web.listen-address=127.0.0.1:")
	})...)
	if !slices.Equal(words, said) {
		t.Errorf("the manual says\n%v\nand compose.yml\n%v", words, said)
	}
}
