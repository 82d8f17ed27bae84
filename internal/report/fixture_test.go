package report

import (
	"net/netip"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

const (
	minerHash    = "6e25ad03103a1a972b78c642bac09060fa79c460011dc5748cbb433cc459938b"
	guardianHash = "5d2530b809fd069f97b30a5938d471dd2145341b5793a70656aad6045445cf6d"
)

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// idle is a host on which nothing is wrong.
func idle() Report {
	meta := func(aspects ...model.Aspect) model.Meta {
		m := model.Meta{Time: noon().Add(-2 * time.Second), Interval: 5 * time.Second, Visibility: map[model.Aspect]model.Share{}}
		for _, aspect := range aspects {
			m.Visibility[aspect] = model.Share{Readable: 3, Total: 3}
		}
		return m
	}
	return Report{
		Audience: Full, Hostname: "worker-3", Version: "0.1.0", Now: noon(), Watched: 10 * time.Second,
		Findings: &model.Findings{Time: noon()},
		Snapshot: model.Snapshot{
			Time: noon(),
			Processes: &model.ProcessSnapshot{
				Meta: meta(model.AspectStat, model.AspectExe, model.AspectCgroup), CPUs: 8,
				Processes: []*model.Process{
					{Identity: model.Identity{PID: 1}, Comm: "systemd", Exe: "/usr/lib/systemd/systemd"},
					{Identity: model.Identity{PID: 100}, Comm: "java", Exe: "/usr/lib/jvm/bin/java"},
					{Identity: model.Identity{PID: 600}, Comm: "cron", Exe: "/usr/sbin/cron"},
				},
			},
			Files:   &model.FileSnapshot{Meta: meta(model.AspectTemp), Directories: []string{"/tmp", "/var/tmp", "/dev/shm"}, Watching: true},
			Sockets: &model.SocketSnapshot{Meta: meta(model.AspectFd, model.AspectNetns), Sockets: make([]model.Socket, 14)},

			Services:    &model.ServiceSnapshot{Meta: meta(model.AspectSubmissionLog), Probing: true, Answers: map[model.SocketKey]model.Answer{{Port: 8081}: {}}},
			Persistence: &model.PersistenceSnapshot{Meta: meta(model.AspectPersistence), Counts: map[model.PersistenceKind]int{model.PersistenceCrontab: 4}},
			Self:        &model.SelfSnapshot{Meta: meta(model.AspectHost)},
		},
	}
}

// incident is the one that the exporter was made for.
func incident() Report {
	r := idle()
	top := model.Ancestor{Identity: model.Identity{PID: 1}, Comm: "systemd", Exe: "/usr/lib/systemd/systemd", User: "root", Alive: true}
	java := model.Ancestor{Identity: model.Identity{PID: 100}, Comm: "java", Exe: "/usr/lib/jvm/bin/java", User: "flink", Started: noon().Add(-30 * time.Hour), Alive: true}
	shell := model.Ancestor{Identity: model.Identity{PID: 800}, Comm: "sh", Exe: "/usr/bin/dash", User: "flink", Started: noon().Add(-5 * time.Hour)}
	kinsing := model.Ancestor{Identity: model.Identity{PID: 812}, Comm: "kinsing", Exe: "/var/tmp/kinsing", User: "flink", Started: noon().Add(-4 * time.Hour), Alive: true}
	run := model.Submission{
		Event: model.SubmissionRun, Time: shell.Started.Add(-12 * time.Second), Text: "Starting program (detached: true)", Peers: []netip.Addr{netip.MustParseAddr("198.51.100.7")},
	}
	entry := &model.Entry{App: "flink", Process: "java", PID: 100, Address: "0.0.0.0", Port: 8081, Alive: true, Run: &run, RunBefore: 12 * time.Second}

	miner := model.Process{
		Identity: model.Identity{PID: 4711, StartTime: 9}, Comm: "kdevtmpfsi", Exe: "/tmp/kdevtmpfsi", Argv: []string{"/tmp/kdevtmpfsi"},
		UID: 1000, User: "flink", Cgroup: "/system.slice/flink.service", Unit: "flink.service", Origin: model.OriginTemp, Isolation: model.IsolationHost,
		ExeFile: model.FileID{Dev: 27, Inode: 1234}, ExeOwner: model.FileOwner{UID: 1000}, SHA256: minerHash, Ancestors: []model.Ancestor{kinsing, shell, java, top},
		Started: noon().Add(-3 * time.Hour), Cores: 5.8, CPUSeconds: 62000, RSSBytes: 2469606195,
	}
	guardian := model.Process{
		Identity: model.Identity{PID: 812, StartTime: 8}, Comm: "kinsing", Exe: "/var/tmp/kinsing", Argv: []string{"/var/tmp/kinsing"},
		UID: 1000, User: "flink", Cgroup: miner.Cgroup, Unit: miner.Unit, Origin: model.OriginTemp, Isolation: model.IsolationHost,
		ExeFile: model.FileID{Dev: 27, Inode: 1235}, ExeOwner: model.FileOwner{UID: 1000}, SHA256: guardianHash, Ancestors: []model.Ancestor{shell, java, top}, Started: noon().Add(-4 * time.Hour), Cores: 0.02, RSSBytes: 21 << 20,
	}
	r.Snapshot.Processes.Processes = append(r.Snapshot.Processes.Processes, &guardian, &miner)
	exposure := &model.Exposure{
		App: "flink", Confidence: model.ConfidenceEvidence, Scope: model.ScopeAny, Endpoints: []string{"0.0.0.0:8081"}, Unit: "flink.service",
		Socket: model.Socket{Protocol: model.TCP, Address: "0.0.0.0", Port: 8081, Scope: model.ScopeAny, Owner: model.Identity{PID: 100}, OwnerExe: java.Exe, App: "flink", Confidence: model.ConfidenceEvidence},
		Remedy: "Set `rest.bind-address: localhost` in Flink's configuration and restart it.",
		Auth:   model.AuthNone, RunsCode: true, Answer: &model.Answer{Time: noon().Add(-3 * time.Minute), App: "flink", Auth: model.AuthNone, Version: "1.20.5"},
		Log: &model.SubmissionLog{Path: "/opt/flink/log/flink.log", Recent: []model.Submission{
			{Event: model.SubmissionUpload, Time: run.Time.Add(-2 * time.Second), Text: "job.jar"}, run,
		}},
	}
	r.Findings.Exposures = []model.Exposure{*exposure}
	seen := noon().Add(-90 * time.Minute)
	r.Snapshot.Sockets.Sockets[0] = exposure.Socket
	r.Snapshot.Files.Files = []model.File{
		{Path: miner.Exe, Directory: "/tmp", Reason: model.FileRunning, KnownMiner: true, User: "flink", SHA256: minerHash, ID: miner.ExeFile, Modified: seen, SizeBytes: 2 << 20, Mode: 0o755},
		{Path: guardian.Exe, Directory: "/var/tmp", Reason: model.FileRunning, KnownMiner: true, User: "flink", SHA256: guardianHash, ID: guardian.ExeFile, Modified: seen, SizeBytes: 14 << 20, Mode: 0o755},
		{Path: "/tmp/build/tool", Directory: "/tmp", Reason: model.FileELF, User: "ci", Modified: seen, SizeBytes: 4096, Mode: 0o755},
	}
	r.Findings.Active = []model.Finding{
		{
			ID: "suspect:" + minerHash[:12], Rule: rules.KnownMinerName, Severity: model.Critical, Technique: "T1496.001",
			Title:     "/tmp/kdevtmpfsi (pid 4711, user flink) is a miner or belongs to one",
			Evidence:  []string{"Its file name is kdevtmpfsi, the name of a known miner or of its guardian.", "It used 5.8 cores over 60 s.", "It came back 7 times after it had ended, last within 20 s; /var/tmp/kinsing (pid 812) starts it.", "Flink's log: a jar was run through REST at 2026-11-23 06:59:48 UTC, 12 s before this process tree appeared; connected to it about then: 198.51.100.7."},
			FirstSeen: seen, LastSeen: noon(),
			Suspect: &model.Suspect{
				ID: minerHash[:12], Process: miner, PIDs: []int{4711}, Instances: 1, Running: true, Respawns: 7, CPUSeconds: 31400, Entry: entry,
				Signals: []model.Signal{
					{Rule: rules.KnownMinerName, Family: model.FamilyIndicator, Technique: "T1496.001", Evidence: "Its file name is kdevtmpfsi, the name of a known miner or of its guardian."},
					{Rule: rules.SustainedCPU, Family: model.FamilyLoad, Technique: "T1496.001", Evidence: "It used 5.8 cores over 60 s."},
					{Rule: rules.Respawn, Family: model.FamilySurvival, Technique: "T1543", Evidence: "It came back 7 times after it had ended, last within 20 s; /var/tmp/kinsing (pid 812) starts it."},
				},
				Guardian: &model.Guardian{Relation: model.RelationParent, PID: 812, Comm: "kinsing", Exe: "/var/tmp/kinsing", User: "flink", Starts: 7},
			},
		},
		{
			ID: "suspect:" + guardianHash[:12], Rule: rules.KnownMinerName, Severity: model.Critical, Technique: "T1496.001",
			Title:     "/var/tmp/kinsing (pid 812, user flink) keeps a miner alive",
			Evidence:  []string{"Its file name is kinsing, the name of a known miner or of its guardian.", "It keeps /tmp/kdevtmpfsi (pid 4711) alive: it started it 7 times."},
			FirstSeen: seen, LastSeen: noon(),
			Suspect: &model.Suspect{
				ID: guardianHash[:12], Process: guardian, PIDs: []int{812}, Instances: 1, Running: true, Entry: entry,
				Signals: []model.Signal{
					{Rule: rules.KnownMinerName, Family: model.FamilyIndicator, Technique: "T1496.001", Evidence: "Its file name is kinsing, the name of a known miner or of its guardian."},
					{Rule: rules.Guardian, Family: model.FamilySurvival, Technique: "T1543", Evidence: "It keeps /tmp/kdevtmpfsi (pid 4711) alive: it started it 7 times."},
				},
			},
		},
		{
			ID: "service:flink:tcp:0.0.0.0:8081", Rule: rules.ExposedService, Severity: model.Critical, Technique: "T1190",
			Title: "Anybody who reaches 0.0.0.0:8081 can run programs as flink: flink 1.20.5 asks for no password",
			Evidence: []string{
				"java (pid 100, user flink, unit flink.service) listens on 0.0.0.0:8081 (all addresses, which are 192.168.1.7, private) and is flink by its program and arguments.",
				"User flink's process answers as flink 1.20.5: it was asked at 192.168.1.7:8081 and let the exporter in without a password: anybody can submit what it runs.", "A host firewall was not read.",
				"Flink's log: a jar was run through REST at 2026-11-23 06:59:48 UTC; connected to it about then: 198.51.100.7.",
			},
			FirstSeen: seen, LastSeen: noon(), Exposure: exposure,
		},
		{
			ID: "file:/tmp/build/tool", Rule: rules.SuspiciousFile, Severity: model.Info, Technique: "T1105",
			Title: "A program lies in /tmp", Evidence: []string{"/tmp/build/tool (user ci) can be run."}, FirstSeen: seen, LastSeen: noon(),
			File: &model.File{Path: "/tmp/build/tool", Directory: "/tmp", Reason: model.FileELF, User: "ci", Modified: seen, SizeBytes: 4096},
		},
	}
	return r
}

// warned has one hidden file, and not everything could be seen.
func warned() Report {
	r := idle()
	r.Blind = []string{"40 of 312 processes hide which program they run. Run as root or give CAP_SYS_PTRACE."}
	r.Snapshot.Processes.Visibility[model.AspectExe] = model.Share{Readable: 272, Total: 312}
	r.Findings.Active = []model.Finding{{
		ID: "file:/tmp/.x/it's", Rule: rules.SuspiciousFile, Severity: model.Warning, Technique: "T1564.001",
		Title: "A hidden program lies in /tmp", Evidence: []string{"/tmp/.x/it's (user www-data) can be run and is hidden."},
		FirstSeen: noon(), LastSeen: noon(),
		File: &model.File{Path: "/tmp/.x/it's", Directory: "/tmp", Reason: model.FileHidden, Hidden: true, User: "www-data", ID: model.FileID{Dev: 27, Inode: 99}, SizeBytes: 12},
	}}
	return r
}

func unknown() Report {
	return Report{Audience: Full, Hostname: "worker-3", Version: "0.1.0", Now: noon(), Watched: 10 * time.Second}
}
