package chart

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// valuesFiles are those of chart/ci, and "" for the defaults.
func valuesFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chart, "ci", "*-values.yaml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("values files: %v, %v", files, err)
	}
	return append([]string{""}, files...)
}

// rendered is the chart with a file of values, decoded.
func rendered(t *testing.T, values string, more ...string) []object {
	t.Helper()
	arguments := more
	if values != "" {
		arguments = append([]string{"--values", values}, more...)
	}
	stream, err := template(t, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(stream)
	if err != nil {
		t.Fatalf("%v\n%s", err, stream)
	}
	return objects
}

func of[T object](objects []object) []T {
	var found []T
	for _, o := range objects {
		if typed, ok := o.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

// TestRendersForTheAPI: with each file of values every object is one that Kubernetes, OpenShift or the operator would decode, has the
// labels that all have, and lies in the release's namespace. Pods are selected by labels that they have.
func TestRendersForTheAPI(t *testing.T) {
	t.Parallel()
	for _, values := range valuesFiles(t) {
		for _, version := range []string{"1.23.0", kubeVersion, "1.36.0"} {
			t.Run(filepath.Base(values)+"/"+version, func(t *testing.T) {
				t.Parallel()
				objects := rendered(t, values, "--kube-version", version)
				names := map[string]bool{}
				for _, o := range objects {
					name := reflect.TypeOf(o).String() + " " + o.GetName()
					if names[name] {
						t.Errorf("%s is there twice", name)
					}
					names[name] = true
					for _, label := range []string{"helm.sh/chart", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"} {
						if o.GetLabels()[label] == "" {
							t.Errorf("%s has no label %s", name, label)
						}
					}
				}
				daemonSet := daemonSetOf(t, objects)
				labels := daemonSet.Spec.Template.Labels
				for name, selector := range selectors(objects) {
					for key, value := range selector {
						if labels[key] != value {
							t.Errorf("%s selects %s=%s, pods have %q", name, key, value, labels[key])
						}
					}
					if len(selector) != 2 {
						t.Errorf("%s selects by %v: versions must not be in it, since a selector can not change", name, selector)
					}
				}
			})
		}
	}
}

// selectors are those by which objects select pods.
func selectors(objects []object) map[string]map[string]string {
	found := map[string]map[string]string{}
	for _, o := range of[*monitoringv1.PodMonitor](objects) {
		found["PodMonitor"] = o.Spec.Selector.MatchLabels
	}
	for _, o := range of[*monitoringv1.ServiceMonitor](objects) {
		found["ServiceMonitor"] = o.Spec.Selector.MatchLabels
	}
	for _, o := range of[*corev1.Service](objects) {
		found["Service"] = o.Spec.Selector
	}
	return found
}

// TestRulesAndDashboardsAreThose: nothing between the files of the repository and what Prometheus and Grafana get changes a byte.
func TestRulesAndDashboardsAreThose(t *testing.T) {
	t.Parallel()
	stream, err := template(t, "--show-only", "templates/prometheusrule.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := read(t, "../../alerts/cryptojack.rules.yml")
	_, spec, _ := strings.Cut(stream, "\nspec:\n")
	var lines []string
	for line := range strings.Lines(spec) {
		lines = append(lines, strings.TrimPrefix(line, "  "))
	}
	if got := strings.TrimRight(strings.Join(lines, ""), "\n"); got != strings.TrimRight(want, "\n") {
		t.Errorf("the rules differ from alerts/cryptojack.rules.yml: run make manifests")
	}

	got := map[string]string{}
	for _, o := range of[*corev1.ConfigMap](rendered(t, "", "--show-only", "templates/dashboards.yaml")) {
		if o.Labels["grafana_dashboard"] != "1" || o.Annotations["grafana_folder"] != "Cryptojack" {
			t.Errorf("%s: Grafana's sidecar would not take it: %v %v", o.Name, o.Labels, o.Annotations)
		}
		maps.Copy(got, o.Data)
	}
	files, err := filepath.Glob("../../dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("dashboards: %v, %v", files, err)
	}
	for _, file := range files {
		if got[filepath.Base(file)] != read(t, file) {
			t.Errorf("%s differs from the chart's: run make manifests", file)
		}
	}
	if len(got) != len(files) {
		t.Errorf("the chart has %d dashboards, dashboards/ has %d: run make manifests", len(got), len(files))
	}
}

// TestOwnRules: a file of one's own, as `assets` writes it with options, comes in place of the chart's, however many braces it has.
func TestOwnRules(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "own.rules.yml")
	text := "# {{ not for Helm }}\ngroups:\n  - name: own\n    rules:\n      - alert: Own\n        expr: up{job=\"x\"} == 0\n        annotations:\n          summary: '{{ $labels.instance }} {{ template }}'\n"
	if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rules := of[*monitoringv1.PrometheusRule](rendered(t, "", "--set-file", "prometheusRule.rules="+own))
	if len(rules) != 1 || len(rules[0].Spec.Groups) != 1 || rules[0].Spec.Groups[0].Rules[0].Annotations["summary"] != "{{ $labels.instance }} {{ template }}" {
		t.Errorf("rules: %+v", rules)
	}
}

// TestScraping: what rules and dashboards rest on. The job has "cryptojack" in its name whatever the release is called, the address stays
// the instance, our labels win over the target's, and a series outlives its pod.
func TestScraping(t *testing.T) {
	t.Parallel()
	pods := of[*monitoringv1.PodMonitor](rendered(t, ""))
	services := of[*monitoringv1.ServiceMonitor](rendered(t, "", "--set", "podMonitor.enabled=false,serviceMonitor.enabled=true"))
	if len(pods) != 1 || len(services) != 1 {
		t.Fatalf("%d PodMonitors, %d ServiceMonitors", len(pods), len(services))
	}
	pod, service := pods[0].Spec.PodMetricsEndpoints[0], services[0].Spec.Endpoints[0]
	for name, endpoint := range map[string]struct {
		honorLabels bool
		relabelings []monitoringv1.RelabelConfig
	}{"PodMonitor": {pod.HonorLabels, pod.RelabelConfigs}, "ServiceMonitor": {service.HonorLabels, service.RelabelConfigs}} {
		if !endpoint.honorLabels {
			t.Errorf("%s does not honor labels", name)
		}
		targets, dropped := map[string]string{}, ""
		for _, relabeling := range endpoint.relabelings {
			if relabeling.Action == "labeldrop" {
				dropped = relabeling.Regex
				continue
			}
			value := ""
			if relabeling.Replacement != nil {
				value = *relabeling.Replacement
			}
			targets[relabeling.TargetLabel] = value
		}
		if !strings.Contains(targets["job"], "cryptojack") {
			t.Errorf("%s: the job is %q", name, targets["job"])
		}
		if _, set := targets["instance"]; set {
			t.Errorf("%s changes the instance: CryptojackExporterDown finds other targets of the host by the address", name)
		}
		for _, label := range []string{"pod", "container", "endpoint"} {
			if !slices.Contains(strings.Split(dropped, "|"), label) {
				t.Errorf("%s keeps the label %s, which changes with each pod", name, label)
			}
		}
	}
	objects := rendered(t, "", "--set", "operatorLabels.release=kps")
	for _, o := range objects {
		switch o.(type) {
		case *monitoringv1.PodMonitor, *monitoringv1.PrometheusRule:
			if o.GetLabels()["release"] != "kps" {
				t.Errorf("%T has not the label by which the operator selects", o)
			}
		}
	}
}

// TestWrongValuesAreRefused: by the schema or a check, with words that name what is wrong.
func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]struct{ values, says string }{
		"misspelt":                  {"podmonitor: {enabled: false}", "podmonitor"},
		"misspelt below":            {"image: {registry: example.org}", "registry"},
		"a port of no host":         {"port: 70000", "port"},
		"a list that is a string":   {"extraArgs: --log.level=debug", "extraArgs"},
		"an argument without --":    {"extraArgs: [scan]", "extraArgs"},
		"a toleration's effect":     {"tolerations: [{operator: Exists, effect: NoExec}]", "effect"},
		"an unquoted off":           {"config: {rules: {respawn: off}}", "rules"},
		"a key of no configuration": {"config: {allowlist: []}", "allowlist"},
		"an empty entry":            {"config: {allow: [{}]}", "allow"},
		"a digest that is none":     {"image: {digest: latest}", "digest"},
		"scraped twice":             {"serviceMonitor: {enabled: true}", "choose one"},
		"an action of relabeling":   {"podMonitor: {relabelings: [{action: remove}]}", "relabelings"},
		"a quota for no class":      {"{priorityClassName: '', priorityClassQuota: {enabled: true}}", "priorityClassName"},
		"rules that are an object":  {"prometheusRule: {rules: {groups: []}}", "rules"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(file, []byte(wrong.values), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := template(t, "--values", file)
			if err == nil {
				t.Fatalf("%s is taken", wrong.values)
			}
			if !strings.Contains(err.Error(), wrong.says) {
				t.Errorf("it does not name %s: %v", wrong.says, err)
			}
		})
	}
}

// schema is a part of a JSON schema.
type schema struct {
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	Open       any                `json:"additionalProperties"`
}

// TestSchemaKnowsAllValues: each value has its line in the schema, and each line its value.
func TestSchemaKnowsAllValues(t *testing.T) {
	t.Parallel()
	var values map[string]any
	if err := yaml.UnmarshalStrict([]byte(read(t, chart+"/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(values))
	known := readSchema(t).Properties
	delete(known, "global") // Helm's own
	if want := slices.Sorted(maps.Keys(known)); !slices.Equal(got, want) {
		t.Errorf("values.yaml has %v, the schema %v", got, want)
	}
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	var all schema
	if err := json.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &all); err != nil {
		t.Fatal(err)
	}
	return &all
}

// TestSchemaKnowsTheConfiguration: the schema has the keys that the program reads, or a right configuration would be refused.
func TestSchemaKnowsTheConfiguration(t *testing.T) {
	t.Parallel()
	keys := configurationKeys(t)
	config := readSchema(t).Properties["config"]
	notify := config.Properties["notify"]
	for name, part := range map[string]*schema{"document": config, "allow": config.Properties["allow"].Items, "notifySettings": notify, "webhook": notify.Properties["webhook"]} {
		if got := slices.Sorted(maps.Keys(part.Properties)); !slices.Equal(got, keys[name]) {
			t.Errorf("the schema of %s has %v, internal/config reads %v", name, got, keys[name])
		}
		if part.Open != false {
			t.Errorf("the schema of %s lets unknown keys in", name)
		}
	}
}

// configurationKeys are the keys of each struct of internal/config, sorted.
func configurationKeys(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../../internal/config/*.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{}
	tag := regexp.MustCompile(`yaml:"([a-z0-9_]+)`)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if fields, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range fields.Fields.List {
					if field.Tag == nil {
						continue
					}
					if match := tag.FindStringSubmatch(field.Tag.Value); match != nil {
						keys[spec.Name.Name] = append(keys[spec.Name.Name], match[1])
					}
				}
				slices.Sort(keys[spec.Name.Name])
			}
			return false
		})
	}
	return keys
}

// TestVersion: chart, program and the file VERSION are one release.
func TestVersion(t *testing.T) {
	t.Parallel()
	var metadata struct {
		Version    string `json:"version"`
		AppVersion string `json:"appVersion"`
	}
	if err := yaml.Unmarshal([]byte(read(t, chart+"/Chart.yaml")), &metadata); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(read(t, "../../VERSION"))
	if metadata.Version != want || metadata.AppVersion != want {
		t.Errorf("Chart.yaml has %+v, VERSION is %s", metadata, want)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
