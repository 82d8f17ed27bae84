package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	securityv1 "github.com/openshift/api/security/v1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func daemonSetOf(t *testing.T, objects []object) *appsv1.DaemonSet {
	t.Helper()
	found := of[*appsv1.DaemonSet](objects)
	if len(found) != 1 || len(found[0].Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("%d DaemonSets", len(found))
	}
	return found[0]
}

// TestPod: it runs on every node whatever its taints, sees the host, and may do what it needs and no more.
func TestPod(t *testing.T) {
	t.Parallel()
	pod := daemonSetOf(t, rendered(t, "")).Spec.Template.Spec
	container := pod.Containers[0]
	security := container.SecurityContext
	for what, right := range map[string]bool{
		"tolerates everything":            slices.Equal(pod.Tolerations, []corev1.Toleration{{Operator: corev1.TolerationOpExists}}),
		"sees the host's processes":       pod.HostPID,
		"sees the host's network":         pod.HostNetwork,
		"is not evicted":                  pod.PriorityClassName == "system-node-critical",
		"has no token":                    pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken,
		"is not privileged":               security.Privileged != nil && !*security.Privileged,
		"cannot gain privileges":          security.AllowPrivilegeEscalation != nil && !*security.AllowPrivilegeEscalation,
		"cannot write its root":           security.ReadOnlyRootFilesystem != nil && *security.ReadOnlyRootFilesystem,
		"is root":                         security.RunAsUser != nil && *security.RunAsUser == 0,
		"drops all capabilities":          slices.Equal(security.Capabilities.Drop, []corev1.Capability{"ALL"}),
		"may read processes (AppArmor)":   security.AppArmorProfile != nil && security.AppArmorProfile.Type == corev1.AppArmorProfileTypeUnconfined,
		"has the runtime's seccomp":       security.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
		"has a request of CPU":            !container.Resources.Requests.Cpu().IsZero(),
		"has no limit of CPU":             container.Resources.Limits.Cpu().IsZero(),
		"has a limit of memory":           !container.Resources.Limits.Memory().IsZero(),
		"is asked whether it is healthy":  container.LivenessProbe.HTTPGet.Path == "/-/healthy",
		"is asked whether it has sampled": container.ReadinessProbe.HTTPGet.Path == "/-/ready",
	} {
		if !right {
			t.Errorf("it is not so that the pod %s", what)
		}
	}
	var host *corev1.VolumeMount
	for i := range container.VolumeMounts {
		if container.VolumeMounts[i].Name == "host" {
			host = &container.VolumeMounts[i]
		}
	}
	if host == nil || !host.ReadOnly || host.MountPropagation == nil || *host.MountPropagation != corev1.MountPropagationHostToContainer || host.MountPath != "/host" {
		t.Errorf("the host's root directory is mounted as %+v", host)
	}

	// The unit of systemd has what the exporter needs; a container also changes its user itself.
	unit := regexp.MustCompile(`(?m)^AmbientCapabilities=(.+)$`).FindStringSubmatch(read(t, "../../deploy/cryptojack_exporter.service"))
	if unit == nil {
		t.Fatal("the unit names no capabilities")
	}
	want := []corev1.Capability{"SETUID", "SETGID", "SETPCAP"}
	for name := range strings.FieldsSeq(unit[1]) {
		want = append(want, corev1.Capability(strings.TrimPrefix(name, "CAP_")))
	}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(security.Capabilities.Add)); !slices.Equal(got, want) {
		t.Errorf("capabilities: %v, want %v", got, want)
	}

	// Before 1.30 AppArmor's profile is an annotation, and the field does not exist.
	old := daemonSetOf(t, rendered(t, "", "--kube-version", "1.29.0")).Spec.Template
	if old.Spec.Containers[0].SecurityContext.AppArmorProfile != nil || old.Annotations["container.apparmor.security.beta.kubernetes.io/exporter"] != "unconfined" {
		t.Errorf("for Kubernetes 1.29: %+v, %v", old.Spec.Containers[0].SecurityContext.AppArmorProfile, old.Annotations)
	}
}

// TestOpenShift: the constraints allow exactly what the DaemonSet asks for, for its service account.
func TestOpenShift(t *testing.T) {
	t.Parallel()
	objects := rendered(t, filepath.Join(chart, "ci", "openshift-values.yaml"))
	found := of[*securityv1.SecurityContextConstraints](objects)
	if len(found) != 1 {
		t.Fatalf("%d SecurityContextConstraints", len(found))
	}
	constraints := found[0]
	pod := daemonSetOf(t, objects).Spec.Template.Spec
	security := pod.Containers[0].SecurityContext
	if !slices.Equal(constraints.Users, []string{"system:serviceaccount:" + namespace + ":" + pod.ServiceAccountName}) {
		t.Errorf("it is for %v, the pods are of %s", constraints.Users, pod.ServiceAccountName)
	}
	if !slices.Equal(constraints.AllowedCapabilities, security.Capabilities.Add) {
		t.Errorf("it allows %v, the pods ask for %v", constraints.AllowedCapabilities, security.Capabilities.Add)
	}
	if constraints.AllowHostPID != pod.HostPID || constraints.AllowHostNetwork != pod.HostNetwork || !constraints.AllowHostDirVolumePlugin || constraints.AllowPrivilegedContainer {
		t.Errorf("constraints: %+v", constraints)
	}
	for i := range pod.Volumes {
		if pod.Volumes[i].HostPath != nil && !slices.Contains(constraints.Volumes, securityv1.FSTypeHostPath) {
			t.Errorf("it allows volumes %v", constraints.Volumes)
		}
	}
	if security.SELinuxOptions == nil || security.SELinuxOptions.Type != "spc_t" {
		t.Errorf("SELinux: %+v: container_t may not read other processes", security.SELinuxOptions)
	}
	if len(of[*securityv1.SecurityContextConstraints](rendered(t, ""))) != 0 {
		t.Error("constraints are rendered without openshift.enabled")
	}
}

// arguments are those of the container as the kubelet expands them.
func arguments(pod *corev1.PodSpec, address string) []string {
	var expanded []string
	for _, argument := range pod.Containers[0].Args {
		expanded = append(expanded, strings.ReplaceAll(argument, "$(POD_IP)", address))
	}
	return expanded
}

// TestFlagsAndConfiguration: the program itself takes the flags and the configuration of each file of values.
func TestFlagsAndConfiguration(t *testing.T) {
	t.Parallel()
	exporter := program(t, "EXPORTER")
	for _, values := range valuesFiles(t) {
		t.Run(filepath.Base(values), func(t *testing.T) {
			t.Parallel()
			objects := rendered(t, values)
			flags := arguments(&daemonSetOf(t, objects).Spec.Template.Spec, "10.0.0.5")
			for _, o := range of[*corev1.ConfigMap](objects) {
				if config, ok := o.Data["config.yml"]; ok {
					file := filepath.Join(t.TempDir(), "config.yml")
					if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
						t.Fatal(err)
					}
					flags = append(flags[:slices.Index(flags, "--config.file=/etc/cryptojack_exporter/config.yml")],
						append([]string{"--config.file=" + file}, flags[1+slices.Index(flags, "--config.file=/etc/cryptojack_exporter/config.yml"):]...)...)
				}
			}
			output, err := exec.CommandContext(t.Context(), exporter, append(flags, "--config.check")...).CombinedOutput()
			if err != nil {
				t.Errorf("%v %v: %s", flags, err, output)
			}
		})
	}
}

// TestPromtoolTakesTheRules: the rules as the operator hands them on.
func TestPromtoolTakesTheRules(t *testing.T) {
	t.Parallel()
	promtool := program(t, "PROMTOOL")
	rules := of[*monitoringv1.PrometheusRule](rendered(t, ""))
	if len(rules) != 1 {
		t.Fatalf("%d PrometheusRules", len(rules))
	}
	text, err := yaml.Marshal(rules[0].Spec)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "--lint=all", "--lint-fatal", file).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
