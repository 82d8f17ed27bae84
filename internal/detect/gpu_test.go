package detect

import (
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
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
	goTool := process(900, func(p *model.Process) { p.Comm, p.Exe, p.Origin = "go", "/usr/local/go/bin/go", model.OriginLocal })
	for _, test := range []struct {
		name     string
		change   func(*model.Process)
		rule     string
		severity model.Severity
		mention  string
	}{
		{"CUDA from temp", all(inTemp("/tmp/x"), cuda), rules.RunsFromTemp, model.Critical, "/dev/nvidia-uvm"},
		{"ROCm from memory", all(at(model.OriginMemfd, "/memfd:x"), rocm), rules.MemfdExecutable, model.Critical, "/dev/kfd"},
		{"from a hidden directory", all(at(model.OriginHome, "/home/alice/.../x"), cuda), rules.HiddenPath, model.Critical, "holds"},
		{"its file was deleted", all(at(model.OriginDeleted, "/home/alice/x"), func(p *model.Process) { p.ExeDeleted = true }, rocm), rules.DeletedExecutable, model.Critical, "holds"},
		{"a render node that it keeps busy", all(inTemp("/var/tmp/x"), renders), rules.RunsFromTemp, model.Critical, "95 % of the last 60 s"},
		{"in a container", all(inTemp("/tmp/x"), cuda, func(p *model.Process) { p.Isolation = model.IsolationContainer }), rules.RunsFromTemp, model.Critical, "holds"},
		{"an AppImage's place with CUDA", all(inTemp("/tmp/.mount_x/x"), cuda), rules.HiddenPath, model.Critical, "holds"},

		{"benign: a render node that it draws with", all(inTemp("/tmp/x"), draws), rules.RunsFromTemp, model.Warning, "kept it busy for 3.0 s"},
		{"benign: it began to draw", all(inTemp("/tmp/x"), soon), rules.RunsFromTemp, model.Warning, "holds"},
		{"a directory that is called like an AppImage's", all(inTemp("/tmp/.mount_x/x"), renders), rules.HiddenPath, model.Critical, "holds"},
		{"benign: a test that go has built", all(inTemp("/tmp/go-build1/b001/x.test"), cuda, busy, childOf(goTool, model.OriginLocal)), rules.RunsFromTemp, model.Info, "holds"},
		{"benign: a window on NVIDIA", all(inTemp("/tmp/.mount_x/x"), window), rules.HiddenPath, model.Warning, "holds"},
		{"benign: rebuilt at home while it runs", all(at(model.OriginDeleted, "/home/alice/x"), func(p *model.Process) { p.ExeDeleted, p.ExeReplaced = true, true }, cuda), "", "", ""},
		{"benign: training at home", all(at(model.OriginHome, "/home/alice/venv/bin/python3.11"), func(p *model.Process) { p.Script = "/home/alice/train.py" }, cuda, busy), rules.SustainedCPU, model.Info, ""},
		{"benign: training in a container", all(at(model.OriginOther, "/workspace/bin/python3"), func(p *model.Process) { p.Isolation = model.IsolationContainer }, cuda, busy), rules.SustainedCPU, model.Info, ""},
		{"benign: an installed server", all(at(model.OriginLocal, "/usr/local/bin/ollama"), rocm), "", "", ""},
		{"benign: a browser", all(at(model.OriginSystem, "/usr/lib/firefox/firefox"), renders), "", "", ""},
		{"benign: a script in temp that tries a GPU", all(func(p *model.Process) { p.Script = "/tmp/x.py" }, cuda), "", "", ""},
		{"benign: an unusual place", all(at(model.OriginOther, "/data/conda/bin/python3"), cuda), "", "", ""},
		{"noted: an unusual place that burns", all(at(model.OriginOther, "/data/x"), cuda, busy), rules.SustainedCPU, model.Info, "/dev/nvidia0"},
		{"could not be read", all(inTemp("/tmp/x"), using(model.GPUUse{Unread: model.ReasonPermission})), rules.RunsFromTemp, model.Warning, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			findings := evaluate(t, snapshotOf(process(1, nil), process(10, test.change), goTool), policy.Policy{})
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
		v := NewEvaluator(policy.Policy{}, nil).evaluation(s, nil).of(s.Processes.Processes[0])
		if got := factGPU(v); !strings.Contains(got, test.want) {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// TestGPUBelowAnOpenService has what came in by a service that lets anybody in, and
// computes on the GPU alone: no load of the CPU speaks against it.
func TestGPUBelowAnOpenService(t *testing.T) {
	t.Parallel()
	service := func(p *model.Process) { p.Exe, p.Comm, p.UID, p.User = "/opt/flink/bin/java", "java", 500, "flink" }
	miner := func(changes ...func(*model.Process)) func(*model.Process) {
		return all(append([]func(*model.Process){user(500, "flink"), owned(500), func(p *model.Process) {
			p.Exe, p.Origin, p.Comm = "/var/lib/flink/x", model.OriginOther, "x"
			p.GPU = &model.GPUUse{Devices: []string{"/dev/nvidia-uvm"}, Compute: true}
		}}, changes...)...)
	}
	web := func(p *model.Process) { p.Exe, p.Origin = "/var/www/x", model.OriginWeb }
	draws := func(p *model.Process) { p.GPU = &model.GPUUse{Devices: []string{"/dev/dri/renderD128"}} }
	open, closed := map[int]model.Auth{100: model.AuthNone}, map[int]model.Auth{100: model.AuthRequired}
	for _, test := range []struct {
		name  string
		scene scene
		want  model.Severity
	}{
		{"a program of the service's user", scene{chain: chained(service, miner()), listen: open}, model.Warning},
		{"it burns too", scene{chain: chained(service, miner(busy)), listen: open}, model.Critical},
		{"a web shell's program", scene{chain: chained(service, miner(web)), listen: open}, model.Warning},
		{"benign: the service asks for a password", scene{chain: chained(service, miner()), listen: closed}, ""},
		{"benign: a program of root", scene{chain: chained(service, miner(func(p *model.Process) { p.ExeOwner.Writers = model.WritersRoot })), listen: open}, ""},
		{"benign: it draws", scene{chain: chained(service, miner(draws)), listen: open}, ""},
	} {
		if got, _ := test.scene.judged(t); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestGPUAtATerminal has somebody who tries a program out on a GPU.
func TestGPUAtATerminal(t *testing.T) {
	t.Parallel()
	cuda := func(p *model.Process) { p.GPU = &model.GPUUse{Devices: []string{"/dev/nvidia-uvm"}, Compute: true} }
	sshd := all(at(model.OriginSystem, "/usr/sbin/sshd"), user(0, "root"))
	bash := all(at(model.OriginSystem, "/usr/bin/bash"), tty(101))
	tried := all(inTemp("/tmp/a.out"), busy, cuda)
	if got, why := (scene{chain: chained(sshd, bash, all(tried, tty(101)))}).judged(t); got != model.Info || why == "" {
		t.Errorf("at a terminal: %q, %q", got, why)
	}
	if got, _ := (scene{chain: chained(sshd, bash, tried)}).judged(t); got != model.Critical {
		t.Errorf("without a terminal: %q", got)
	}
}
