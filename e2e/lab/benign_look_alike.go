package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// benignLookAlikes do by chance what attacks do on purpose.
func benignLookAlikes(n *names) []scenario {
	line := func(name, technique, program, shell string, paths map[string]string) scenario {
		s := scenario{name: name, technique: technique, benign: true, cores: 1, programs: []string{program}, claims: []string{program}}
		for path := range paths {
			s.paths = append(s.paths, n.top(path))
		}
		s.play = func(s *session) {
			for path, content := range paths {
				if strings.HasSuffix(path, ".so") {
					content = s.library()
				}
				s.write(path, content, 0o755)
			}
			s.launch(order{argv: []string{"sh", "-c", shell}})
		}
		return s
	}
	one := func(name, path string, work task.Task, argv ...string) scenario {
		return n.burner(scenario{name: name, technique: "T1036", benign: true, cores: float64(work.Threads)}, path, work, argv...)
	}
	peers := func(name string, port int, connect, serve string) scenario {
		work := task.Task{Connect: fmt.Sprint("127.0.0.1:", port), Threads: 1}
		return scenario{
			name: name, technique: "T1571", benign: true, cores: 1, paths: n.tops(connect, serve), claims: []string{fmt.Sprint("port ", port)},
			play: func(s *session) {
				s.place(serve)
				s.place(connect)
				s.run(serve, task.Task{Listen: fmt.Sprint("127.0.0.1:", port)})
				s.wait(pollInterval)
				s.run(connect, work)
			},
		}
	}
	fed, database, native, ctypes := n.home("*.py"), n.home("*.py"), n.temp("*.so"), n.home("*.py")
	private, ddgs := n.local("*"), n.home("*/bin/ddgs")
	return []scenario{
		line("Python reads a file of a home from its standard input", "T1059.006", "python3", "exec python3 - <"+fed,
			map[string]string{fed: "while True:\n    pass\n"}),
		line("database with two gigabytes of shared memory", "T1496.001", "python3", "exec python3 "+database, map[string]string{
			database: "import mmap\nshared = mmap.mmap(-1, 2080 << 20)\nfor at in range(0, len(shared), 1 << 21):\n    shared[at] = 1\nwhile True:\n    pass\n",
		}),
		line("Python loads a library of a temporary directory", "T1574.006", "python3", "exec python3 "+ctypes+" "+native, map[string]string{
			ctypes: "import ctypes, sys\nctypes.CDLL(sys.argv[1])\nwhile True:\n    pass\n", native: "",
		}),
		line("dynamic loader runs a program of the system", "T1574.006", "perl", "exec "+dynamicLoader()+" /usr/bin/perl -e '1 while 1'", nil),
		line("many short gzip below xargs", "T1496.001", "gzip", "while :; do find /usr/share /usr/lib -type f -size -200k | xargs -n 1 gzip -c >/dev/null; done", nil),
		peers("worker with a peer on loopback at port 33333", 33333, n.local("*"), n.local("*")),
		peers("worker with a peer on loopback at port 14433", 14433, n.local("*"), n.local("*")),
		one("ripgrep of a home looks for the address of a pool", n.home("*/bin/rg"), task.Task{}, "rg", "stratum+tcp://", "."),
		one("program called audit in a home", n.home("*/bin/audit"), task.Task{}),
		one("program called smart in a home burns", n.home("*/bin/smart"), burning()),
		one("program called kcrypt in a home", n.home("*/bin/kcrypt"), task.Task{}),
		one("program called dhcpd, installed", n.local("sbin/*/dhcpd"), task.Task{}),
		{
			name: "search of the package ddgs", technique: "T1036.005", benign: true, programs: []string{"python3"}, claims: []string{"python3"},
			paths: n.tops(ddgs),
			play: func(s *session) {
				s.write(ddgs, "import time\ntime.sleep(200)\n", 0o755)
				s.launch(order{argv: []string{"python3", ddgs, "text", "-q", "weather"}})
			},
		},
		{
			// As systemd sets a service up: PrivateTmp, ProtectSystem (systemd.exec(5)).
			name: "service with a mount namespace and a /tmp of its own burns", technique: "T1564", benign: true, cores: 1,
			programs: []string{"unshare", "mount", "setpriv"}, paths: n.tops(private),
			play: func(s *session) {
				s.place(private)
				s.launch(order{
					root: true, environment: []string{s.assign(burning())},
					argv: []string{"unshare", "--mount", "sh", "-c", "set -e; mount -t tmpfs cryptojack-lab /tmp; mount --bind " + filepath.Dir(private) + " " +
						filepath.Dir(private) + "; mount -o remount,bind,ro " + filepath.Dir(private) +
						"; exec setpriv --reuid=65534 --regid=65534 --clear-groups --pdeathsig=KILL " + private},
				})
			},
		},
	}
}

// benignEntries start programs by themselves, and are as packages and administrators
// write them.
func benignEntries(n *names) []scenario {
	harmless := func(name, technique, path, content string) scenario {
		s := entry(name, technique, false, path, content, 0o644)
		s.benign, s.expect = true, nothing
		return s
	}
	return []scenario{
		harmless("cron encodes a backup", "T1053.003", n.path("/etc/cron.d/*"),
			never+" root tar -czf - /etc 2>/dev/null | base64 >/var/backups/etc.txt\n"),
		harmless("cron decodes a key for a program", "T1053.003", n.path("/etc/cron.d/*"),
			never+" root echo "+strings.Repeat("QUJD", 8)+" | base64 -d >/run/key\n"),
		harmless("cron runs a script of a home", "T1053.003", n.path("/etc/cron.d/*"), never+" nobody "+n.home("bin/*")+"\n"),
		harmless("socket unit of a vendor", "T1543.002", n.path("/etc/systemd/system/*.socket"),
			"[Unit]\nDescription=Listens for a vendor's agent\n\n[Socket]\nListenStream=127.0.0.1:4100\n\n[Install]\nWantedBy=sockets.target\n"),
		harmless("path unit watches a temporary directory", "T1543.002", n.path("/etc/systemd/system/*.path"),
			"[Path]\nPathExistsGlob=/tmp/upload-*\nUnit=systemd-tmpfiles-clean.service\n"),
		harmless("mount unit of a temporary directory", "T1543.002", n.path("/etc/systemd/system/*.mount"),
			"[Mount]\nWhat=tmpfs\nWhere=/tmp/build\nType=tmpfs\n"),
		harmless("desktop entry of an installed program", "T1547.013", n.path("/etc/xdg/autostart/*.desktop"),
			"[Desktop Entry]\nType=Application\nName=Tray\nOnlyShowIn=X-Nobody;\nExec=/usr/bin/true --tray\n"),
	}
}
