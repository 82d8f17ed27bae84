package report

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

func TestPlanOfTheIncident(t *testing.T) {
	t.Parallel()
	want := []Step{
		{"Keep the evidence, before anything is stopped.", "evidence=$(mktemp -d ~/evidence.XXXXXX)\n" +
			`cp /proc/4711/exe "${evidence:?}"/6e25ad03103a` + "\n" + `cp /proc/812/exe "${evidence:?}"/5d2530b809fd`},
		{"Stop what starts it again.", `grep -Eqs '\) ([^ ]+ ){19}8 ' /proc/812/stat && kill -9 812`},
		{"Stop the other suspects.", `grep -Eqs '\) ([^ ]+ ){19}9 ' /proc/4711/stat && kill -9 4711`},
		{"Remove the files.", `(cd /tmp && [ "$(readlink /proc/self/cwd)" = /tmp ] && find . -maxdepth 1 -type f -name kdevtmpfsi -inum 1234 -exec rm {} \;)` + "\n" +
			`(cd /var/tmp && [ "$(readlink /proc/self/cwd)" = /var/tmp ] && find . -maxdepth 1 -type f -name kinsing -inum 1235 -exec rm {} \;)`},
		{"Close the service that it came in by: flink on 0.0.0.0:8081. Set `rest.bind-address: localhost` in Flink's configuration and restart it.", ""},
	}
	if diff := cmp.Diff(want, Plan(incident())); diff != "" {
		t.Error(diff)
	}
}

// TestPlanDoesNoHarm changes the incident and looks for what must not be there.
func TestPlanDoesNoHarm(t *testing.T) {
	t.Parallel()
	const killsBoth = "for p in 4711 812; do"
	for name, test := range map[string]struct {
		change       func(*model.Suspect)
		want, forbid string
	}{
		"unit": {func(s *model.Suspect) {
			s.Guardian = &model.Guardian{Relation: model.RelationUnit, PID: 1, Unit: "x.service"}
		}, "systemctl disable --now x.service", "kill -9 1\n"},
		"unit by option": {func(s *model.Suspect) {
			s.Guardian = &model.Guardian{Relation: model.RelationUnit, PID: 1, Unit: "-H x"}
		}, "systemctl disable --now -- '-H x'", ""},
		"reused pid":            {func(s *model.Suspect) { s.Guardian.PID = 600 }, killsBoth, "600"},
		"sshd":                  {func(s *model.Suspect) { s.Guardian.PID, s.Guardian.Exe = 600, "/usr/sbin/sshd" }, killsBoth, "600"},
		"dockerd":               {func(s *model.Suspect) { s.Guardian.PID, s.Guardian.Exe = 600, "/usr/bin/dockerd" }, killsBoth, "600"},
		"cron":                  {func(s *model.Suspect) { s.Guardian.PID, s.Guardian.Exe = 600, "/usr/sbin/cron" }, "grep -rlsF -e 'kdevtmpfsi' /etc/cron*", "600"},
		"guardian is init":      {func(s *model.Suspect) { s.Guardian.PID, s.Guardian.Exe = 1, "/usr/lib/systemd/systemd" }, killsBoth, "kill -9 1\n"},
		"guardian is the entry": {func(s *model.Suspect) { s.Guardian.PID, s.Guardian.Exe = 100, "/usr/lib/jvm/bin/java" }, "Close the service that it came in by", "kill -9 100"},
		"unit of the system": {func(s *model.Suspect) {
			s.Guardian = &model.Guardian{Relation: model.RelationUnit, PID: 1, Unit: "ssh.service"}
		}, "systemctl cat ssh.service", "disable"},
		"has ended":             {func(s *model.Suspect) { s.PIDs = []int{4711, 4999} }, "kill -9 4711\n", "4999"},
		"somebody else's pid":   {func(s *model.Suspect) { s.PIDs = []int{4711, 600} }, "kill -9 4711\n", "600"},
		"pid was reused":        {func(s *model.Suspect) { s.Process.PID, s.PIDs = 600, []int{600} }, "-name kdevtmpfsi -inum 1234 -exec cp -P", "600"},
		"suspect is sshd":       {func(s *model.Suspect) { s.Process.Origin, s.Process.Exe = model.OriginSystem, "/usr/sbin/sshd" }, "dpkg -S '/usr/sbin/sshd'", "kill -9 4711"},
		"suspect is cron":       {func(s *model.Suspect) { s.Process.Origin, s.Process.Exe = model.OriginSystem, "/usr/sbin/cron" }, "dpkg -S '/usr/sbin/cron'", "kill -9 4711"},
		"deleted":               {func(s *model.Suspect) { s.Process.ExeDeleted = true }, "kill -9 4711", "-name kdevtmpfsi"},
		"memfd":                 {func(s *model.Suspect) { s.Process.Origin = model.OriginMemfd }, "kill -9 4711", "-name kdevtmpfsi"},
		"container":             {func(s *model.Suspect) { s.Process.ContainerID = "3f9a1c" }, "Replace the container 3f9a1c", "-name kdevtmpfsi"},
		"system program":        {func(s *model.Suspect) { s.Process.Origin, s.Process.Exe = model.OriginSystem, "/usr/bin/python3" }, "dpkg -S '/usr/bin/python3'", "cd /usr"},
		"does not run":          {func(s *model.Suspect) { s.Running = false }, "-name kdevtmpfsi -inum 1234 -exec cp -P", "4711"},
		"uncatalogued":          {func(s *model.Suspect) { s.Entry.App, s.Entry.Port = "", 9 }, "java on 0.0.0.0:9. Let it listen on 127.0.0.1 only", ""},
		"name with quote":       {func(s *model.Suspect) { s.Process.Exe = "/tmp/it's" }, `-name 'it'\''s' -inum 1234 -exec rm {} \;`, ""},
		"name of a pattern":     {func(s *model.Suspect) { s.Process.Exe = "/tmp/*" }, `-name '\*' -inum 1234 -exec rm {} \;`, ""},
		"name with newline":     {func(s *model.Suspect) { s.Process.Exe = "/tmp/a\nb" }, `(cd /tmp && [ "$(readlink /proc/self/cwd)" = /tmp ] && find . -maxdepth 1 -type f -user 1000 -inum 1234 -exec rm {} \;)`, ""},
		"directory with escape": {func(s *model.Suspect) { s.Process.Exe = "/tmp/\x1b/\xff/x" }, `(cd "$(printf '/tmp/\033/\377')" && [ "$(readlink /proc/self/cwd)" = "$(printf '/tmp/\033/\377')" ] && find . -maxdepth 1 -type f -name x -inum 1234 -exec rm {} \;)`, ""},
		"installed by root": {func(s *model.Suspect) {
			s.Process.Origin, s.Process.Exe, s.Process.ExeOwner.UID = model.OriginLocal, "/opt/x/worker", 0
		}, "dpkg -S '/opt/x/worker'", "-name worker"},
		"a miner that root installed": {func(s *model.Suspect) {
			s.Process.Origin, s.Process.Exe, s.Process.ExeOwner.UID, s.Process.Content.RandomX = model.OriginLocal, "/opt/x/worker", 0, true
		}, "-name worker -inum 1234 -exec rm {}", "dpkg"},
		"shown by its own mounts": {func(s *model.Suspect) {
			s.Process.Origin, s.Process.Exe, s.Process.ExeSource = model.OriginLocal, "/opt/x/worker", "/usr/bin/python3"
		}, "dpkg -S '/usr/bin/python3'", "-name worker"},
		"in memory of its own mounts": {func(s *model.Suspect) {
			s.Process.Origin, s.Process.Exe, s.Process.ExeSource = model.OriginLocal, "/opt/x/worker", "tmpfs"
		}, "kill -9 4711", "worker"},
		"a unit that a user's manager named": {func(s *model.Suspect) {
			s.Process.Cgroup = "/user.slice/user-1000.slice/user@1000.service/app.slice/postgresql.service"
			s.Guardian = &model.Guardian{Relation: model.RelationUnit, PID: 1, Unit: "postgresql.service"}
		}, killsBoth, "postgresql"},
		"a unit of a home": {func(s *model.Suspect) {
			s.Guardian = &model.Guardian{Relation: model.RelationUnit, Unit: "postgresql.service", Path: "/home/eve/.config/systemd/user/postgresql.service"}
		}, killsBoth, "postgresql"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := incident()
			r.Snapshot.Files = nil // copies are TestPlanRemovesEveryCopy's
			test.change(r.Findings.Active[0].Suspect)
			var all strings.Builder
			for _, step := range Plan(r) {
				all.WriteString(step.Title + "\n" + step.Command + "\n")
			}
			if !strings.Contains(all.String(), test.want) {
				t.Errorf("%q is missing in\n%s", test.want, all.String())
			}
			if test.forbid != "" && strings.Contains(all.String(), test.forbid) {
				t.Errorf("%q is in\n%s", test.forbid, all.String())
			}
			// Whoever reads one finding alone reads the same.
			remedy := strings.Join(r.remedy(&r.Findings.Active[0]), "\n") + "\n"
			if test.forbid != "" && strings.Contains(remedy, test.forbid) {
				t.Errorf("%q is in the remedy of the finding:\n%s", test.forbid, remedy)
			}
			if test.want != "kill -9 4711" && test.want != killsBoth && !strings.Contains(remedy, test.want) {
				t.Errorf("%q is missing in the remedy of the finding:\n%s", test.want, remedy)
			}
		})
	}
}

// TestOneWriter: for each finding of each report, what is said of it alone is part of
// the plan over all, word for word but for what else one command does.
func TestOneWriter(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]Report{"incident": incident(), "warned": warned()} {
		var plan strings.Builder
		for _, step := range Plan(r) {
			plan.WriteString(step.Title + "\n" + step.Command + "\n")
		}
		for _, finding := range r.serious() {
			remedy := r.remedy(finding)
			if len(remedy) == 0 {
				t.Errorf("%s: nothing to do about %s", name, finding.ID)
			}
			for _, sentence := range remedy {
				title, command, _ := strings.Cut(sentence, ": ")
				// A service that a suspect came in by has one step, with that title.
				if !strings.HasPrefix(title, "Close the ") && !strings.Contains(plan.String(), title) {
					t.Errorf("%s: the plan has no %q", name, title)
				}
				for line := range strings.SplitSeq(command, "; ") {
					if !strings.Contains(plan.String(), line) && !strings.Contains(line, "kill ") {
						t.Errorf("%s: the plan has no %q", name, line)
					}
				}
			}
		}
	}
}

// TestPlanRemovesEveryCopy: one content may run, and lie, under many names.
func TestPlanRemovesEveryCopy(t *testing.T) {
	t.Parallel()
	r := incident()
	suspect := r.Findings.Active[0].Suspect
	sum := strings.Repeat("6e", 32)
	suspect.Process.SHA256, suspect.PIDs = sum, []int{4711, 4712, 4713}
	r.Snapshot.Processes = &model.ProcessSnapshot{Processes: []*model.Process{
		&suspect.Process,
		{Identity: model.Identity{PID: 4712}, UID: 1000, Exe: "/opt/x/worker", ExeFile: model.FileID{Dev: 26, Inode: 8}, ExeOwner: model.FileOwner{UID: 1000}, SHA256: sum, Origin: model.OriginLocal},
		{Identity: model.Identity{PID: 4713}, Exe: "/home/alice/reused-pid", SHA256: strings.Repeat("00", 32), Origin: model.OriginHome},
	}}
	r.Snapshot.Files = &model.FileSnapshot{Files: []model.File{
		{Path: "/dev/shm/.copy", ID: model.FileID{Dev: 28, Inode: 5}, User: "flink", SHA256: sum, Reason: model.FileRunning},
		{Path: "/tmp/venv/python", ID: model.FileID{Dev: 27, Inode: 6}, User: "bob", SHA256: sum},
		{Path: "/tmp/other", SHA256: strings.Repeat("11", 32)},
		{Path: "/tmp/unread"},
	}}
	var commands string
	for _, step := range Plan(r) {
		if step.Title == "Remove the files." {
			commands = step.Command
		}
	}
	for _, want := range []string{"-name kdevtmpfsi ", "-name worker ", "-name .copy "} {
		if strings.Count(commands, want) != 1 {
			t.Errorf("%s is not removed once:\n%s", want, commands)
		}
	}
	for _, forbid := range []string{"reused-pid", "venv", "other", "unread"} {
		if strings.Contains(commands, forbid) {
			t.Errorf("%s is removed:\n%s", forbid, commands)
		}
	}
}

// TestPlanAsksAboutWarnings: a program in /tmp may be somebody's own.
func TestPlanAsksAboutWarnings(t *testing.T) {
	t.Parallel()
	r := incident()
	r.Findings.Active = append(r.Findings.Active, warned().Findings.Active...)
	r.Findings.Active = append(r.Findings.Active, model.Finding{Severity: model.Warning, Suspect: &model.Suspect{
		ID: "0123456789ab", Running: true, PIDs: []int{9001, 9002}, Instances: 2,
		Process: model.Process{Identity: model.Identity{PID: 9001, StartTime: 70}, Exe: "/tmp/work", Origin: model.OriginTemp, Isolation: model.IsolationHost},
	}})
	r.Snapshot.Processes.Processes = append(r.Snapshot.Processes.Processes,
		&model.Process{Identity: model.Identity{PID: 9001, StartTime: 70}, Exe: "/tmp/work"},
		&model.Process{Identity: model.Identity{PID: 9002, StartTime: 71}, Exe: "/tmp/work", SHA256: "0123456789ab" + strings.Repeat("0", 52)})
	sure := Plan(incident())
	want := slices.Insert(sure, len(sure)-1, Step{
		"Ask the owners about these, which are only a warning. Stop and remove what nobody knows.",
		`kill -9 $(for p in 9001 9002; do grep -Eqs '\) ([^ ]+ ){19}(70|71) ' /proc/$p/stat && echo $p; done)` + "\n" +
			`(cd /tmp && [ "$(readlink /proc/self/cwd)" = /tmp ] && rm work)` + "\n" +
			`(cd /tmp/.x && [ "$(readlink /proc/self/cwd)" = /tmp/.x ] && find . -maxdepth 1 -type f -name 'it'\''s' -inum 99 -exec rm {} \;)`,
	})
	want[0].Command += "\n" + `cp /proc/9001/exe "${evidence:?}"/0123456789ab`
	if diff := cmp.Diff(want, Plan(r)); diff != "" {
		t.Error(diff)
	}
}

// TestLineInAUnitOfTheSystem: one line was added to what starts sshd.
func TestLineInAUnitOfTheSystem(t *testing.T) {
	t.Parallel()
	r := idle()
	r.Findings.Active = []model.Finding{{Severity: model.Critical, Persistence: &model.PersistenceEntry{
		Kind: model.PersistenceSystemdService, Unit: "ssh.service", Path: "/etc/systemd/system/ssh.service.d/x.conf", Line: 2, FileHash: "0123456789ab",
	}}}
	want := []Step{{"Switch off what starts it again by itself.", "sha256sum < /etc/systemd/system/ssh.service.d/x.conf | grep -q ^0123456789ab && " +
		"sed -i '2s/^/# /' /etc/systemd/system/ssh.service.d/x.conf"}}
	if diff := cmp.Diff(want, Plan(r)); diff != "" {
		t.Error(diff)
	}
}

// TestUnitsOfUsers have any name that their user likes.
func TestUnitsOfUsers(t *testing.T) {
	t.Parallel()
	r := idle()
	for path, owner := range map[string]string{"/home/eve/.config/systemd/user/": "eve", "/root/.config/systemd/user/": "", "/etc/systemd/user/": ""} {
		r.Findings.Active = append(r.Findings.Active, model.Finding{Severity: model.Critical, Persistence: &model.PersistenceEntry{
			Kind: model.PersistenceSystemdService, Unit: "postgresql.service", Path: path + "postgresql.service", Owner: owner,
		}})
	}
	commands := Plan(r)[1].Command
	for _, want := range []string{
		"systemctl --user -M eve@ disable --now postgresql.service", "systemctl --user disable --now postgresql.service",
		"systemctl --global disable postgresql.service", "mv postgresql.service", "mv /etc/systemd/user/postgresql.service",
	} {
		if !strings.Contains(commands, want) {
			t.Errorf("%q is missing in\n%s", want, commands)
		}
	}
	if strings.Contains(commands, "systemctl disable") {
		t.Errorf("a unit of the system is switched off:\n%s", commands)
	}
}

// TestWhatStartsAUnitIsSwitchedOffFirst: a timer or socket would start it again.
func TestWhatStartsAUnitIsSwitchedOffFirst(t *testing.T) {
	t.Parallel()
	r := idle()
	r.Snapshot.Persistence.Entries = []model.PersistenceEntry{
		{Unit: "bot.timer", Starts: "bot.service"},
		{Unit: "cups.socket", Starts: "cups.service"},
		{Unit: "certbot.timer", Starts: "bot.service", Owner: "eve", Path: "/home/eve/.config/systemd/user/certbot.timer"},
	}
	r.Findings.Active = []model.Finding{{Severity: model.Critical, Persistence: &model.PersistenceEntry{
		Kind: model.PersistenceSystemdService, Unit: "bot.service", Path: "/etc/systemd/system/bot.service",
	}}}
	want := []Step{{"Switch off what starts it again by itself.", "systemctl disable --now bot.timer\nsystemctl disable --now bot.service"}}
	if diff := cmp.Diff(want, Plan(r)); diff != "" {
		t.Error(diff)
	}
	r.Findings.Active = []model.Finding{{Severity: model.Critical, Suspect: &model.Suspect{
		Guardian: &model.Guardian{Relation: model.RelationUnit, Unit: "bot.service"},
	}}}
	want[0].Title = "Stop what starts it again."
	if diff := cmp.Diff(want, Plan(r)); diff != "" {
		t.Error(diff)
	}
}

// TestTwoLibrariesOfPreload: the number of a line is that before any is deleted.
func TestTwoLibrariesOfPreload(t *testing.T) {
	t.Parallel()
	r := idle()
	for _, line := range []int{1, 2} {
		r.Findings.Active = append(r.Findings.Active, model.Finding{Severity: model.Critical, Persistence: &model.PersistenceEntry{
			Kind: model.PersistencePreload, Path: "/etc/ld.so.preload", Line: line, FileHash: "0123456789ab",
		}})
	}
	want := []Step{{"Switch off what starts it again by itself.", "sha256sum < /etc/ld.so.preload | grep -q ^0123456789ab && sed -i '1d;2d' /etc/ld.so.preload"}}
	if diff := cmp.Diff(want, Plan(r)); diff != "" {
		t.Error(diff)
	}
}

// TestAFilledCrontabIsMovedAway: its lines are too many to be listed.
func TestAFilledCrontabIsMovedAway(t *testing.T) {
	t.Parallel()
	r := idle()
	for line := range 3 {
		r.Findings.Active = append(r.Findings.Active, model.Finding{Severity: model.Critical, Persistence: &model.PersistenceEntry{
			Kind: model.PersistenceUserCrontab, Path: "/var/spool/cron/crontabs/eve", Line: line + 1,
		}})
	}
	r.Findings.Active[2].MoreOfFile = 240
	want := []Step{
		{"Keep the evidence, before anything is stopped.", makeEvidence},
		{"Switch off what starts it again by itself.", `mv /var/spool/cron/crontabs/eve "${evidence:?}"/user_crontab-eve-dc4225`},
	}
	if diff := cmp.Diff(want, Plan(r)); diff != "" {
		t.Error(diff)
	}
}

func TestShortPlanIsBounded(t *testing.T) {
	t.Parallel()
	r := idle()
	for i := range 1000 {
		r.Findings.Active = append(r.Findings.Active,
			model.Finding{Severity: model.Warning, File: &model.File{Path: fmt.Sprintf("/tmp/.%d", i), Hidden: true}},
			model.Finding{Severity: model.Warning, Exposure: &model.Exposure{App: "redis", Endpoints: []string{fmt.Sprint("0.0.0.0:", i)}}})
	}
	steps := shortPlan(r)
	if len(steps) != maxShown+1 || steps[maxShown].Title != "And 46 more, in the report as JSON." {
		t.Errorf("%d steps, the last %+v", len(steps), steps[len(steps)-1])
	}
	if lines := strings.Split(steps[0].Command, "\n"); len(lines) != maxShown+1 || lines[maxShown] != "# and 236 more, in the report as JSON" {
		t.Errorf("%d commands, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestPlanIsBounded(t *testing.T) {
	t.Parallel()
	steps := Plan(flooded())
	if last := steps[len(steps)-1].Title; !strings.HasPrefix(last, "Then look again: ") {
		t.Errorf("what has no room is not said: %s", last)
	}
	commands := 0
	for _, step := range steps {
		commands += strings.Count(step.Command, "\n") + 1
	}
	if commands > 1000 {
		t.Errorf("%d commands", commands)
	}
}

func TestKillNamesFewAtOnce(t *testing.T) {
	t.Parallel()
	processes := make([]model.Identity, 10)
	for i := range processes {
		processes[i] = model.Identity{PID: 100 + i, StartTime: 7}
	}
	if commands := kill(processes); len(commands) != 2 || commands[1] != `kill -9 $(for p in 108 109; do grep -Eqs '\) ([^ ]+ ){19}7 ' /proc/$p/stat && echo $p; done)` {
		t.Errorf("%q", commands)
	}
	if commands := kill(nil); len(commands) != 0 {
		t.Errorf("%q kills nothing", commands)
	}
}

func TestPlanIsEmptyWithoutFindings(t *testing.T) {
	t.Parallel()
	for _, r := range []Report{idle(), unknown()} {
		if steps := Plan(r); len(steps) != 0 {
			t.Errorf("%+v", steps)
		}
	}
}

// TestShellQuote lets a shell read the words back. Every byte is tried.
func TestShellQuote(t *testing.T) {
	t.Parallel()
	var everyByte []byte
	for c := 1; c < 256; c++ {
		everyByte = append(everyByte, byte(c))
	}
	names := []string{"", "plain", "it's", `a"b`, "$(id)`id`", "-rf", "a b", `back\slash`, "münze", "a\nb", "\x1b[31m", "\xff1", "safe\u202egpj", `\'$'`, string(everyByte)}
	for c := 1; c < 256; c++ {
		names = append(names, string([]byte{byte(c)})+"7")
	}
	for _, quote := range []func(string) string{shellQuote, shellWord} {
		var script strings.Builder
		for _, name := range names {
			script.WriteString("printf '%s\\0' " + quote(name) + "\n")
		}
		out, err := exec.Command("bash", "-c", script.String()).Output()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(names, strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")); diff != "" {
			t.Error(diff)
		}
	}
}

// TestShellQuoteForEveryShell uses sh, which need not know $'..'.
func TestShellQuoteForEveryShell(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain", "it's", `a"b`, "$(id)`id`", `back\slash`, "münze", "''"} {
		out, err := exec.Command("sh", "-c", "printf '%s' "+shellQuote(name)).Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(out) != name {
			t.Errorf("%q became %q", name, out)
		}
	}
}

// FuzzShellQuote: whatever a file is called, bash reads its name back, and
// what is shown is one harmless line.
func FuzzShellQuote(f *testing.F) {
	for _, seed := range []string{"", "it's", "$'x'", "\\'", "a\nb", "\xff\x001", "safe\u202egpj", "!!", "~root", "-rf", "\u00a0", "a\\\n'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = strings.ReplaceAll(name, "\x00", "") // no path and no argument holds it
		for _, quoted := range []string{shellQuote(name), shellWord(name)} {
			if text.Escape(quoted) != quoted {
				t.Fatalf("%q is not fit to be shown", quoted)
			}
			out, err := exec.Command("bash", "-c", "printf '%s' "+quoted).Output()
			if err != nil {
				t.Fatalf("%s: %v", quoted, err)
			}
			if string(out) != name {
				t.Fatalf("%q became %q by %s", name, out, quoted)
			}
		}
	})
}
