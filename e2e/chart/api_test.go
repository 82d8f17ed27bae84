package chart

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil" // its module has the definitions of the operator's kinds
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"sigs.k8s.io/yaml"
)

// TestTheAPIServerTakesIt: what the chart and deploy/manifests have passes the code by which an API server decodes, completes and validates
// its own kinds, and the schemas of the definitions by which it does so with those of the Prometheus operator and of OpenShift.
func TestTheAPIServerTakesIt(t *testing.T) {
	t.Parallel()
	definitions := readDefinitions(t)
	streams := map[string]string{}
	for _, values := range valuesFiles(t) {
		arguments := []string{}
		if values != "" {
			arguments = []string{"--values", values}
		}
		var err error
		if streams[filepath.Base(values)], err = template(t, arguments...); err != nil {
			t.Fatal(err)
		}
	}
	manifests, err := filepath.Glob("../../deploy/manifests/*.yaml")
	if err != nil || len(manifests) == 0 {
		t.Fatalf("manifests: %v, %v", manifests, err)
	}
	for _, name := range manifests {
		streams[filepath.Base(name)] = read(t, name)
	}
	validated := map[string]int{}
	for name, stream := range streams {
		for _, document := range documents(t, stream) {
			kind, err := validate(document, definitions)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			validated[kind]++
		}
	}
	for kind := range kinds() {
		if validated[kind] == 0 {
			t.Errorf("no %s was validated", kind)
		}
	}

	// It would find what is wrong.
	for kind, wrong := range map[string][2]string{
		"apps/v1 DaemonSet":                                   {"operator: Exists", "operator: Exist"},
		"v1 Service":                                          {"clusterIP: None", "clusterIP: Some"},
		"monitoring.coreos.com/v1 PodMonitor":                 {"action: labeldrop", "action: labeldrops"},
		"monitoring.coreos.com/v1 PrometheusRule":             {"interval: 5s", "interval: soon"},
		"security.openshift.io/v1 SecurityContextConstraints": {"allowHostPID: true", "allowHostPID: 1"},
	} {
		found := false
		for _, stream := range streams {
			for _, document := range documents(t, stream) {
				changed := strings.Replace(string(document), wrong[0], wrong[1], 1)
				if kindOf(document) != kind || changed == string(document) {
					continue
				}
				found = true
				if _, err := validate([]byte(changed), definitions); err == nil {
					t.Errorf("%s with %s is taken", kind, wrong[1])
				}
			}
		}
		if !found {
			t.Errorf("no %s has %s", kind, wrong[0])
		}
	}
}

func documents(t *testing.T, stream string) (all [][]byte) {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(stream)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if kindOf(document) != " " { // else only comments
			all = append(all, document)
		}
	}
}

func kindOf(document []byte) string {
	var kind metav1.TypeMeta
	_ = yaml.Unmarshal(document, &kind) // whoever validates it says why not
	return kind.APIVersion + " " + kind.Kind
}

// validate says which kind a document is of, and what an API server would answer.
func validate(document []byte, definitions map[string]crdvalidation.SchemaValidator) (kind string, err error) {
	kind = kindOf(document)
	if schema, custom := definitions[kind]; custom {
		var object map[string]any
		if err := yaml.UnmarshalStrict(document, &object); err != nil {
			return kind, err
		}
		return kind, crdvalidation.ValidateCustomResource(nil, object, schema).ToAggregate()
	}
	decoder := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder()
	object, _, err := decoder.Decode(document, nil, nil)
	if err != nil {
		return kind, err
	}
	var errs field.ErrorList
	switch object := object.(type) {
	case *apps.DaemonSet:
		errs = appsvalidation.ValidateDaemonSet(object, corevalidation.PodValidationOptions{})
	case *core.ConfigMap:
		errs = corevalidation.ValidateConfigMap(object)
	case *core.Namespace:
		errs = corevalidation.ValidateNamespace(object)
	case *core.ResourceQuota:
		errs = corevalidation.ValidateResourceQuota(object)
	case *core.Service:
		object.Spec.ClusterIPs = []string{object.Spec.ClusterIP} // as the server sets it before
		errs = corevalidation.ValidateServiceCreate(object)
	case *core.ServiceAccount:
		errs = corevalidation.ValidateServiceAccount(object)
	default:
		return kind, fmt.Errorf("nothing validates a %s", kind)
	}
	return kind, errs.ToAggregate()
}

// readDefinitions reads the schemas of kinds that are not Kubernetes' own, out of the modules of those whose they are.
func readDefinitions(t *testing.T) map[string]crdvalidation.SchemaValidator {
	t.Helper()
	definitions := map[string]crdvalidation.SchemaValidator{}
	for module, pattern := range map[string]string{
		"github.com/prometheus-operator/prometheus-operator": "example/prometheus-operator-crd/monitoring.coreos.com_*s.yaml",
		"github.com/openshift/api":                           "security/v1/zz_generated.crd-manifests/*_securitycontextconstraints.crd.yaml",
	} {
		directory, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Fatalf("where is %s: %v", module, err)
		}
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(directory)), pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("definitions of %s: %v, %v", module, files, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var definition apiextensionsv1.CustomResourceDefinition
			if err := yaml.Unmarshal(content, &definition); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, version := range definition.Spec.Versions {
				var schema apiextensions.JSONSchemaProps
				if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &schema, nil); err != nil {
					t.Fatal(err)
				}
				validator, _, err := crdvalidation.NewSchemaValidator(&schema)
				if err != nil {
					t.Fatal(err)
				}
				definitions[definition.Spec.Group+"/"+version.Name+" "+definition.Spec.Names.Kind] = validator
			}
		}
	}
	return definitions
}
