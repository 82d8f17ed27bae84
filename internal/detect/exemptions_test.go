package detect

import (
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

// scene is a chain of processes, the oldest first, each the child of the one before.
// The last is the one that is judged.
type scene struct {
	chain  []*model.Process
	others []*model.Process
	listen map[int]model.Auth // pid -> whom it lets in; AuthUnknown is a service of no catalogue
}

// chained makes each process the child of the one before.
func chained(changes ...func(*model.Process)) []*model.Process { return chainedFrom(100, changes...) }

func chainedFrom(pid int, changes ...func(*model.Process)) []*model.Process {
	var chain []*model.Process
	for i, change := range changes {
		p := process(pid+i, change)
		if i > 0 {
			parent := chain[i-1]
			p.PPID = parent.PID
			p.Parent = &model.Ancestor{
				Identity: parent.Identity, Comm: parent.Comm, Exe: parent.Exe, User: parent.User, Origin: parent.Origin,
				Started: parent.Started, Parent: parent.Parent,
			}
		}
		chain = append(chain, p)
	}
	return chain
}

func (s scene) snapshot() *model.Snapshot {
	snapshot := snapshotOf(append(append([]*model.Process{process(1, nil)}, s.chain...), s.others...)...)
	snapshot.Sockets = &model.SocketSnapshot{}
	snapshot.Services = &model.ServiceSnapshot{Probing: true, Answers: map[model.SocketKey]model.Answer{}}
	for _, p := range s.chain {
		auth, listens := s.listen[p.PID]
		if !listens {
			continue
		}
		socket := model.Socket{Protocol: model.TCP, Address: "0.0.0.0", Port: uint16(8000 + p.PID), Scope: model.ScopeAny, Owner: p.Identity, OwnerExe: p.Exe}
		if auth != model.AuthUnknown {
			socket.App, socket.Confidence = "flink", model.ConfidenceEvidence
			snapshot.Services.Answers[socket.Key()] = model.Answer{App: "flink", Auth: auth}
		}
		snapshot.Sockets.Sockets = append(snapshot.Sockets.Sockets, socket)
	}
	return snapshot
}

// judged is the severity of the last process of the chain, and why it was lowered.
func (s scene) judged(t *testing.T) (model.Severity, string) {
	t.Helper()
	last := s.chain[len(s.chain)-1].PID
	for _, f := range evaluate(t, s.snapshot(), policy.Policy{}) {
		if f.Suspect != nil && f.Suspect.Process.PID == last {
			return f.Severity, f.Exempted
		}
	}
	return "", ""
}

func user(uid uint32, name string) func(*model.Process) {
	return func(p *model.Process) { p.UID, p.User = uid, name }
}

func owned(uid uint32) func(*model.Process) {
	return func(p *model.Process) {
		p.ExeOwner = model.FileOwner{UID: uid, Writers: model.WritersOwner, Changed: p.ExeOwner.Changed}
	}
}

func tty(leader int) func(*model.Process) {
	return func(p *model.Process) { p.TTY, p.Session = 34816, leader }
}

func randomX(p *model.Process) {
	resident(model.MemoryShape{Signature: model.SignatureRandomXFast, KiB: 2_129_920, Exact: true, CompiledKiB: 96})(p)
}

// TestNarrowedExemptions holds each thing that lowers a finding to honest work and to
// an attacker who has read how it works.
func TestNarrowedExemptions(t *testing.T) {
	t.Parallel()
	system := func(exe string) func(*model.Process) { return at(model.OriginSystem, exe) }
	bash, sshd := system("/usr/bin/bash"), all(system("/usr/sbin/sshd"), user(0, "root"))
	work := all(inTemp("/tmp/a.out"), owned(1000), busy)
	leader, login := all(bash, tty(101)), all(system("/usr/bin/login"), user(0, "root"))
	java := all(at(model.OriginSystem, "/usr/lib/jvm/bin/java"), user(999, "flink"))
	memfd := func(p *model.Process) {
		p.Comm, p.Exe, p.Origin, p.ExeDeleted = "runc", "/memfd:runc", model.OriginMemfd, true
		p.Started, p.CPUSeconds = noon.Add(-time.Second), 0.1
	}
	appImage := inTemp("/tmp/.mount_app1/AppRun")
	for name, test := range map[string]struct {
		scene scene
		want  model.Severity
	}{
		"honest: make runs what it made":            {scene{chain: chained(bash, system("/usr/bin/make"), work)}, model.Info},
		"honest: a tool of Nix":                     {scene{chain: chained(bash, at(model.OriginOther, "/nix/store/x/bin/cargo"), work)}, model.Info},
		"honest: a tool of a user below /data":      {scene{chain: chained(bash, all(at(model.OriginOther, "/data/go/bin/go"), owned(1000)), work)}, model.Info},
		"honest: make over ssh":                     {scene{chain: chained(sshd, bash, system("/usr/bin/make"), work), listen: map[int]model.Auth{100: model.AuthUnknown}}, model.Info},
		"honest: a build of a CI server with login": {scene{chain: chained(java, all(system("/usr/bin/make"), user(999, "flink")), all(work, user(999, "flink"))), listen: map[int]model.Auth{100: model.AuthRequired}}, model.Info},
		"attack: RandomX below make":                {scene{chain: chained(bash, system("/usr/bin/make"), all(work, randomX))}, model.Critical},
		"attack: make below an exposed service":     {scene{chain: chained(java, all(system("/usr/bin/make"), user(999, "flink")), all(work, user(999, "flink"))), listen: map[int]model.Auth{100: model.AuthUnknown}}, model.Critical},
		"attack: make of a service's user":          {scene{chain: chained(bash, all(at(model.OriginLocal, "/opt/flink/make"), owned(999), user(999, "flink")), all(work, user(999, "flink")))}, model.Critical},
		"attack: make that everybody may change":    {scene{chain: chained(bash, all(at(model.OriginLocal, "/opt/make"), func(p *model.Process) { p.ExeOwner.Writers = model.WritersOthers }), work)}, model.Critical},
		"attack: apt of a user who is not root":     {scene{chain: chained(bash, system("/usr/bin/apt-get"), work)}, model.Critical},
		"honest: apt of root":                       {scene{chain: chained(all(system("/usr/bin/apt-get"), user(0, "root")), all(work, user(0, "root")))}, model.Info},

		"honest: a.out at a terminal over ssh":      {scene{chain: chained(sshd, leader, all(work, tty(101))), listen: map[int]model.Auth{100: model.AuthUnknown}}, model.Info},
		"honest: in a window":                       {scene{chain: chained(system("/usr/libexec/gnome-terminal-server"), leader, all(work, tty(101)))}, model.Info},
		"honest: in tmux of somebody logged in":     {scene{chain: chained(system("/usr/bin/tmux"), leader, all(work, tty(101))), others: chainedFrom(200, sshd, all(bash, tty(201)))}, model.Info},
		"honest: login leads the session":           {scene{chain: chained(all(login, tty(100)), all(bash, tty(100)), all(work, tty(100)))}, model.Info},
		"attack: the shell of login has gone":       {scene{chain: chained(all(login, tty(100)), all(work, tty(100)))}, model.Critical},
		"attack: the shell of login is bob's":       {scene{chain: chained(all(login, tty(100)), all(bash, tty(100), user(1001, "bob")), all(work, tty(100)))}, model.Critical},
		"attack: in tmux of nobody":                 {scene{chain: chained(system("/usr/bin/tmux"), leader, all(work, tty(101)))}, model.Critical},
		"attack: RandomX at a terminal":             {scene{chain: chained(sshd, leader, all(work, tty(101), randomX))}, model.Critical},
		"attack: a terminal of an exposed service":  {scene{chain: chained(java, system("/usr/bin/login"), all(bash, tty(102)), all(work, tty(102))), listen: map[int]model.Auth{100: model.AuthUnknown}}, model.Critical},
		"attack: the leader has gone":               {scene{chain: chained(sshd, bash, all(work, tty(77)))}, model.Critical},
		"attack: the leader is of another user":     {scene{chain: chained(sshd, all(leader, user(1001, "bob")), all(work, tty(101)))}, model.Critical},
		"attack: the leader is no login's":          {scene{chain: chained(system("/usr/sbin/cron"), leader, all(work, tty(101)))}, model.Critical},
		"attack: a login program of the attacker's": {scene{chain: chained(inTemp("/tmp/sshd"), leader, all(work, tty(101)))}, model.Critical},
		"attack: it is its own leader":              {scene{chain: chained(sshd, all(work, tty(101)))}, model.Critical},
		"attack: at a terminal of a container":      {scene{chain: chained(sshd, leader, all(work, tty(101), func(p *model.Process) { p.Isolation = model.IsolationContainer }))}, model.Critical},
		"honest: a runtime in Rancher's directory":  {scene{chain: chained(at(model.OriginOther, "/var/lib/rancher/k3s/data/x/bin/containerd-shim-runc-v2"), memfd)}, model.Info},
		"honest: lxc-attach is a copy of itself":    {scene{chain: chained(bash, all(memfd, func(p *model.Process) { p.CopyOf = "/usr/bin/lxc-attach" }))}, model.Info},
		"attack: podman of a user":                  {scene{chain: chained(all(at(model.OriginHome, "/home/alice/podman"), owned(1000)), memfd)}, model.Warning},
		"attack: below a runtime, it burns":         {scene{chain: chained(system("/usr/bin/podman"), all(memfd, busy))}, model.Critical},
		"attack: a copy that burns":                 {scene{chain: chained(bash, all(memfd, busy, func(p *model.Process) { p.CopyOf = "/usr/bin/stress" }))}, model.Critical},
		"honest: AppImage":                          {scene{chain: chained(bash, all(appImage, onFUSE, busy))}, model.Info},
		"honest: AppImageLauncher":                  {scene{chain: chained(bash, all(inTemp("/run/user/1000/appimagelauncherfs/x.AppImage"), onFUSE, busy))}, model.Info},
		"attack: only called like an AppImage":      {scene{chain: chained(bash, all(appImage, busy))}, model.Critical},
		"attack: AppImage with RandomX":             {scene{chain: chained(bash, all(appImage, onFUSE, busy, randomX))}, model.Critical},
		"attack: AppImage below an exposed service": {scene{chain: chained(java, all(appImage, onFUSE, busy)), listen: map[int]model.Auth{100: model.AuthUnknown}}, model.Critical},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, why := test.scene.judged(t); got != test.want {
				t.Errorf("%q (%s), want %q", got, why, test.want)
			}
		})
	}
}

// TestOpenEntry holds load below a service that lets anybody in to attacks and to the
// service's own work.
func TestOpenEntry(t *testing.T) {
	t.Parallel()
	flink := user(999, "flink")
	java := all(at(model.OriginSystem, "/usr/lib/jvm/bin/java"), flink)
	shell := all(at(model.OriginSystem, "/usr/bin/dash"), flink)
	open, closed := map[int]model.Auth{100: model.AuthNone}, map[int]model.Auth{100: model.AuthRequired}
	foreign := all(at(model.OriginOther, "/var/lib/flink/job"), flink, owned(999), busy)
	late := func(p *model.Process) { p.ExeOwner.Changed = noon }
	rooted := user(0, "root")
	inContainer := func(p *model.Process) { p.Isolation, p.ContainerID = model.IsolationContainer, "0123456789ab" }
	for name, test := range map[string]struct {
		scene scene
		want  model.Severity
	}{
		"attack: a file of the service's user":        {scene{chain: chained(java, shell, foreign), listen: open}, model.Critical},
		"attack: others may write it":                 {scene{chain: chained(java, all(foreign, func(p *model.Process) { p.ExeOwner = model.FileOwner{Writers: model.WritersOthers} })), listen: open}, model.Critical},
		"attack: from a web directory":                {scene{chain: chained(java, all(at(model.OriginWeb, "/var/www/x"), flink, owned(999), busy)), listen: open}, model.Critical},
		"attack: file of root, put there by root's":   {scene{chain: chained(all(java, rooted), all(at(model.OriginLocal, "/opt/x"), rooted, busy, late)), listen: open}, model.Critical},
		"attack: a new file in a container":           {scene{chain: chained(all(java, inContainer), all(at(model.OriginSystem, "/usr/bin/x"), inContainer, busy, late)), listen: open}, model.Critical},
		"honest: nobody gets in without a password":   {scene{chain: chained(java, shell, foreign), listen: closed}, model.Info},
		"honest: what it lets in is not known":        {scene{chain: chained(java, shell, foreign), listen: map[int]model.Auth{100: model.AuthUnknown}}, model.Info},
		"honest: a program of root":                   {scene{chain: chained(java, all(at(model.OriginSystem, "/usr/bin/gcc"), flink, busy)), listen: open}, model.Info},
		"honest: the service's own program":           {scene{chain: chained(all(at(model.OriginHome, "/home/flink/venv/python"), flink, owned(999)), all(at(model.OriginHome, "/home/flink/venv/python"), flink, owned(999), busy)), listen: open}, model.Info},
		"honest: it idles":                            {scene{chain: chained(java, all(foreign, func(p *model.Process) { p.Cores = 0.1 })), listen: open}, ""},
		"honest: the image's own file":                {scene{chain: chained(all(java, inContainer), all(at(model.OriginLocal, "/opt/app/x"), inContainer, owned(100_000), busy)), listen: open}, model.Info},
		"honest: its file could not be looked at":     {scene{chain: chained(java, all(foreign, func(p *model.Process) { p.ExeOwner = model.FileOwner{} })), listen: open}, model.Info},
		"honest: a script of the service":             {scene{chain: chained(java, all(running("/opt/flink/udf.py"), flink, busy)), listen: open}, model.Info},
		"attack: a script from temp is one kind more": {scene{chain: chained(java, all(running("/tmp/x.py"), flink, busy)), listen: open}, model.Critical},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, why := test.scene.judged(t); got != test.want {
				t.Errorf("%q (%s), want %q", got, why, test.want)
			}
		})
	}
}

// TestPathsThatLie holds what runs under another name than it seems.
func TestPathsThatLie(t *testing.T) {
	t.Parallel()
	loader := func(script string) func(*model.Process) {
		return func(p *model.Process) { p.Exe, p.Script = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", script }
	}
	source := func(source string) func(*model.Process) {
		return func(p *model.Process) {
			p.Exe, p.Origin, p.MountNS, p.ExeSource = "/usr/local/bin/helper", model.OriginLocal, "mnt:[7]", source
		}
	}
	for name, test := range map[string]struct {
		change func(*model.Process)
		want   model.Severity
	}{
		"attack: the loader runs a file of /tmp":    {loader("/tmp/x"), model.Warning},
		"attack: and it burns":                      {all(loader("/tmp/x"), busy), model.Critical},
		"attack: the loader runs a hidden file":     {loader("/home/alice/.x"), model.Warning},
		"attack: the loader runs memory":            {loader("/memfd:x"), model.Warning},
		"honest: the loader runs an installed file": {loader("/usr/bin/worker"), ""},
		"attack: tmpfs over a system path":          {source("tmpfs"), model.Warning},
		"attack: and it burns there":                {all(source("tmpfs"), busy), model.Critical},
		"attack: a file of /tmp bound over it":      {source("/tmp/x"), model.Warning},
		"attack: a hidden file bound over it":       {source("/opt/.x"), model.Warning},
		"honest: flatpak shows a runtime of a home": {source("/home/alice/.local/share/flatpak/runtime/x/files/bin/python3"), ""},
		"honest: the path is the host's":            {source(""), ""},
		"attack: a script in memory burns":          {all(running("/memfd:x"), busy), model.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := model.Severity("")
			if findings := evaluate(t, snapshotOf(process(1, nil), process(10, test.change)), policy.Policy{}); len(findings) > 0 {
				got = findings[0].Severity
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
