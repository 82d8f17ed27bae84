package chart

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// TestPodSecurity: of what the level "baseline" forbids the pod has what docs/kubernetes.md gives reasons for and no more, above all
// no privileged container. The level of the namespace in deploy/manifests admits it.
func TestPodSecurity(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	pod := daemonSetOf(t, rendered(t, "")).Spec.Template
	forbidden := func(level api.Level) (reasons []string) {
		for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
			if !result.Allowed {
				reasons = append(reasons, result.ForbiddenReason)
			}
		}
		return reasons
	}
	if reasons := forbidden(api.LevelPrivileged); len(reasons) > 0 {
		t.Errorf("forbidden by the level privileged: %v", reasons)
	}
	want := []string{"forbidden AppArmor profile", "host namespaces", "hostPath volumes", "non-default capabilities"}
	if got := slices.Sorted(slices.Values(forbidden(api.LevelBaseline))); !slices.Equal(got, want) {
		t.Errorf("forbidden by the level baseline: %q, want %q", got, want)
	}
	if namespace := read(t, "../../deploy/manifests/namespace.yaml"); !strings.Contains(namespace, "\n    "+api.EnforceLevelLabel+": privileged\n") {
		t.Errorf("the namespace of deploy/manifests does not admit the pod:\n%s", namespace)
	}
}
