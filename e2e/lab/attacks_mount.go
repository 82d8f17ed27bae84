package main

import (
	"fmt"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// mountAttacks show their own mount namespace another file than everybody else's under
// the path of their program.
func mountAttacks(n *names) []scenario {
	// As root, then as nobody; or as nobody from the beginning, in a user namespace.
	private := func(s scenario, mount, path, target string, userNamespace bool, work task.Task) scenario {
		s.technique, s.paths, s.programs = "T1564", n.tops(path), []string{"unshare", "mount", "setpriv", "sh"}
		s.play = func(s *session) {
			s.place(path)
			run := fmt.Sprintf("set -e; %s; exec ", mount)
			o := order{environment: []string{s.assign(work)}}
			if userNamespace {
				o.argv = []string{"unshare", "--user", "--map-root-user", "--mount", "sh", "-c", run + target}
			} else {
				o.root = true
				o.argv = []string{"unshare", "--mount", "sh", "-c", run + "setpriv --reuid=65534 --regid=65534 --clear-groups --pdeathsig=KILL " + target}
			}
			s.launch(o)
		}
		return s
	}
	tmpfs := func(path, target string) string {
		return fmt.Sprintf("mount -t tmpfs cryptojack-lab /usr/local/bin; cp %s %s", path, target)
	}
	scenarios := []scenario{}
	for _, kind := range []struct {
		scenario
		userNamespace bool
		work          task.Task
	}{
		{scenario{name: "file system in memory over /usr/local/bin, idle", expect: warning, short: true}, false, task.Task{}},
		{scenario{name: "file system in memory over /usr/local/bin, burns", expect: critical, needs: history, cores: 1}, false, burning()},
		{scenario{name: "file system in memory of a user namespace, idle", expect: warning}, true, task.Task{}},
	} {
		path, target := n.local("*"), "/usr/local/bin/"+n.word()
		scenarios = append(scenarios, private(kind.scenario, tmpfs(path, target), path, target, kind.userNamespace, kind.work))
	}
	bound := n.temp("*")
	scenarios = append(scenarios, private(scenario{
		name: "program of a temporary directory, mounted over one of the system, burns", expect: critical, needs: history, cores: 1,
	}, fmt.Sprintf("mount --bind %s /usr/bin/sleep", bound), bound, "/usr/bin/sleep", false, burning()))
	return scenarios
}
