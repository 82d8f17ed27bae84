package detect

import (
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// TestGPUAccess has miners that hold a GPU, and what else does.
func TestGPUAccess(t *testing.T) {
	t.Parallel()
	using := func(use model.GPUUse) func(*model.Process) {
		return func(p *model.Process) { p.GPU = &use }
	}
	at := func(origin model.Origin, exe string) func(*model.Process) {
		return func(p *model.Process) { p.Origin, p.Exe, p.Comm, p.Argv = origin, exe, "x", []string{exe} }
	}
	cuda := using(model.GPUUse{Devices: []string{"/dev/nvidia-uvm", "/dev/nvidia0", "/dev/nvidiactl"}, Compute: true})
	rocm := using(model.GPUUse{Devices: []string{"/dev/dri/renderD128", "/dev/kfd"}, Compute: true})
	draws := using(model.GPUUse{Devices: []string{"/dev/dri/renderD128"}, Seconds: 3, Busy: 0.05, BusySpan: time.Minute})
	renders := using(model.GPUUse{Devices: []string{"/dev/dri/renderD128"}, Seconds: 300, Busy: 0.95, BusySpan: time.Minute})
	soon := using(model.GPUUse{Devices: []string{"/dev/dri/renderD128"}, Seconds: 9, Busy: 0.95, BusySpan: 10 * time.Second})
	window := using(model.GPUUse{Devices: []string{"/dev/nvidia0", "/dev/nvidiactl"}})
	for _, test := range []struct {
		name     string
		change   func(*model.Process)
		rule     string
		severity model.Severity
		mention  string
	}{
		{"CUDA from temp", all(inTemp("/tmp/x"), cuda), RuleRunsFromTemp, model.Critical, "/dev/nvidia-uvm"},
		{"ROCm from memory", all(at(model.OriginMemfd, "/memfd:x"), rocm), RuleMemfdExecutable, model.Critical, "/dev/kfd"},
		{"from a hidden directory", all(at(model.OriginHome, "/home/alice/.../x"), cuda), RuleHiddenPath, model.Critical, "holds"},
		{"its file was deleted", all(at(model.OriginDeleted, "/home/alice/x"), func(p *model.Process) { p.ExeDeleted = true }, rocm), RuleDeletedExecutable, model.Critical, "holds"},
		{"a render node that it keeps busy", all(inTemp("/var/tmp/x"), renders), RuleRunsFromTemp, model.Critical, "95 % of the last 60 s"},
		{"in a container", all(inTemp("/tmp/x"), cuda, func(p *model.Process) { p.Isolation = model.IsolationContainer }), RuleRunsFromTemp, model.Critical, "holds"},
		{"an AppImage's place with CUDA", all(inTemp("/tmp/.mount_x/x"), cuda), RuleHiddenPath, model.Critical, "holds"},

		{"benign: a render node that it draws with", all(inTemp("/tmp/x"), draws), RuleRunsFromTemp, model.Warning, "kept it busy for 3.0 s"},
		{"benign: it began to draw", all(inTemp("/tmp/x"), soon), RuleRunsFromTemp, model.Warning, "holds"},
		{"benign: a game that is an AppImage", all(inTemp("/tmp/.mount_x/x"), renders), RuleHiddenPath, model.Warning, "holds"},
		{"benign: a window on NVIDIA", all(inTemp("/tmp/.mount_x/x"), window), RuleHiddenPath, model.Warning, "holds"},
		{"benign: rebuilt at home while it runs", all(at(model.OriginDeleted, "/home/alice/x"), func(p *model.Process) { p.ExeDeleted, p.ExeReplaced = true, true }, cuda), "", "", ""},
		{"benign: training at home", all(at(model.OriginHome, "/home/alice/venv/bin/python3.11"), func(p *model.Process) { p.Script = "/home/alice/train.py" }, cuda, busy), RuleSustainedCPU, model.Info, ""},
		{"benign: training in a container", all(at(model.OriginOther, "/workspace/bin/python3"), func(p *model.Process) { p.Isolation = model.IsolationContainer }, cuda, busy), RuleSustainedCPU, model.Info, ""},
		{"benign: an installed server", all(at(model.OriginLocal, "/usr/local/bin/ollama"), rocm), "", "", ""},
		{"benign: a browser", all(at(model.OriginSystem, "/usr/lib/firefox/firefox"), renders), "", "", ""},
		{"benign: a script in temp that tries a GPU", all(func(p *model.Process) { p.Script = "/tmp/x.py" }, cuda), "", "", ""},
		{"benign: an unusual place", all(at(model.OriginOther, "/data/conda/bin/python3"), cuda), "", "", ""},
		{"noted: an unusual place that burns", all(at(model.OriginOther, "/data/x"), cuda, busy), RuleSustainedCPU, model.Info, "/dev/nvidia0"},
		{"could not be read", all(inTemp("/tmp/x"), using(model.GPUUse{Unread: model.ReasonPermission})), RuleRunsFromTemp, model.Warning, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			findings := evaluate(t, snapshotOf(process(1, nil), process(10, test.change)), Policy{})
			if test.rule == "" {
				if len(findings) != 0 {
					t.Errorf("found %s %s: %v", findings[0].Severity, findings[0].Rule, findings[0].Evidence)
				}
				return
			}
			if len(findings) != 1 || findings[0].Rule != test.rule || findings[0].Severity != test.severity {
				t.Fatalf("want %s %s: %+v", test.severity, test.rule, findings)
			}
			if text := strings.Join(findings[0].Evidence, " "); !strings.Contains(text, test.mention) {
				t.Errorf("%q does not mention %q", text, test.mention)
			}
		})
	}
}

// TestGPUFacts tells what was looked at from what was not.
func TestGPUFacts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		use  *model.GPUUse
		host *model.GPUTotals
		want string
	}{
		{nil, nil, "no device node"},
		{nil, &model.GPUTotals{}, "not seen"},
		{&model.GPUUse{Unread: model.ReasonTimeout}, &model.GPUTotals{}, "could not be read: timeout"},
		{&model.GPUUse{Devices: []string{"/dev/kfd"}}, &model.GPUTotals{}, "where programs belong"},
	} {
		s := snapshotOf(process(10, func(p *model.Process) { p.GPU = test.use }))
		s.Processes.GPU = test.host
		v := newEvaluation(s, Policy{}, nil).of(&s.Processes.Processes[0])
		if got := factGPU(v); !strings.Contains(got, test.want) {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
