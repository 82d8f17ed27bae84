package chart

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	securityv1 "github.com/openshift/api/security/v1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	chart     = "../../deploy/chart"
	release   = "cryptojack-exporter"
	namespace = "cryptojack"
	// kubeVersion is the oldest whose security context has an AppArmor profile; make manifests renders for it.
	kubeVersion = "1.30.0"
)

// program is one that `make chart-check` names.
func program(t *testing.T, variable string) string {
	t.Helper()
	name := os.Getenv(variable)
	if name == "" {
		t.Skipf("%s is not set: run make chart-check", variable)
	}
	return name
}

// template renders the chart, and gives what helm says if it refuses to.
func template(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	arguments = append([]string{"template", release, chart, "--namespace", namespace, "--kube-version", kubeVersion}, arguments...)
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), program(t, "HELM"), arguments...)
	command.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("helm %s: %w: %s", strings.Join(arguments, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// object is one of what the chart renders, decoded by the type of its kind.
type object interface{ metav1.Object }

// kinds are all that the chart renders.
func kinds() map[string]func() object {
	return map[string]func() object{
		"apps/v1 DaemonSet":                                   func() object { return &appsv1.DaemonSet{} },
		"v1 ConfigMap":                                        func() object { return &corev1.ConfigMap{} },
		"v1 Namespace":                                        func() object { return &corev1.Namespace{} },
		"v1 ResourceQuota":                                    func() object { return &corev1.ResourceQuota{} },
		"v1 Service":                                          func() object { return &corev1.Service{} },
		"v1 ServiceAccount":                                   func() object { return &corev1.ServiceAccount{} },
		"monitoring.coreos.com/v1 PodMonitor":                 func() object { return &monitoringv1.PodMonitor{} },
		"monitoring.coreos.com/v1 PrometheusRule":             func() object { return &monitoringv1.PrometheusRule{} },
		"monitoring.coreos.com/v1 ServiceMonitor":             func() object { return &monitoringv1.ServiceMonitor{} },
		"security.openshift.io/v1 SecurityContextConstraints": func() object { return &securityv1.SecurityContextConstraints{} },
	}
}

// decode reads a stream of documents strictly: a key that a type does not have, or that is there twice, is an error.
func decode(stream string) ([]object, error) {
	var objects []object
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(stream)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return nil, err
		}
		if kind == (metav1.TypeMeta{}) { // only comments
			continue
		}
		made, known := kinds()[kind.APIVersion+" "+kind.Kind]
		if !known {
			return nil, fmt.Errorf("the chart renders no %s %s", kind.APIVersion, kind.Kind)
		}
		decoded := made()
		if err := yaml.UnmarshalStrict(document, decoded); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.Kind, err)
		}
		objects = append(objects, decoded)
	}
}
