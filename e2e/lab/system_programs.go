package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// dpkgStatus changes whenever a package is installed or removed.
const dpkgStatus = "/var/lib/dpkg/status"

// systemPrograms lie in /usr: those of a package that the lab makes, installs and purges,
// and those that nobody's package has put there.
func systemPrograms(n *names) []scenario {
	of := func(s scenario, play func(s *session, p debian)) scenario {
		name := n.word()
		p := debian{name: name, program: n.path("/usr/lib/" + name + "/*"), tree: n.home("*")}
		s.technique, s.needs, s.cores = "T1554", history, 1
		s.paths = append(n.tops(p.tree), "/usr/lib/"+name)
		s.programs = []string{"dpkg", "dpkg-deb"}
		s.play = func(s *session) { play(s, p) }
		return s
	}
	benign := func(name string, play func(s *session, p debian)) scenario {
		return of(scenario{name: name, benign: true, watch: 130 * time.Second}, play)
	}
	service, port := n.local("*"), n.port()
	entered := of(scenario{name: "program put into /usr below a service that others reach, burns", expect: critical}, func(s *session, p debian) {
		s.waitForDpkg()
		s.place(service)
		s.run(service, task.Task{Listen: fmt.Sprint("0.0.0.0:", port), Start: []task.Child{{
			Path: "/bin/sh", Argv: []string{"sh", "-c", "until [ -x " + p.program + " ]; do sleep 1; done; sleep 1; exec " + p.program},
			Task: task.Task{Threads: 1, Limit: s.lifetime()},
		}}})
		s.wait(2 * time.Second)
		s.place(p.program)
		s.find(p.program, 0)
	})
	entered.paths = append(entered.paths, n.top(service))
	all := []scenario{
		of(scenario{name: "program of a package was replaced, burns", expect: critical}, func(s *session, p debian) {
			s.install(p, "1")
			s.remove(p.program)
			s.place(p.program)
			s.run(p.program, burning())
		}),
		of(scenario{name: "program of a package was written into, burns", expect: critical}, func(s *session, p debian) {
			s.install(p, "1")
			s.extend(p.program)
			s.run(p.program, burning())
		}),
		benign("program of a package burns", func(s *session, p debian) {
			s.install(p, "1")
			s.run(p.program, burning())
		}),
		benign("package is upgraded while its program burns", func(s *session, p debian) {
			s.install(p, "1")
			s.run(p.program, burning())
			s.wait(seen)
			s.install(p, "2")
			s.run(p.program, burning())
		}),
	}
	// While packages change, nothing is newer than their last change.
	var packages []string
	for i := range all {
		all[i].claims = []string{"package " + all[i].name}
		packages = append(packages, all[i].claims...)
	}
	byHand := benign("program put into /usr by hand burns", func(s *session, p debian) {
		s.waitForDpkg()
		s.place(p.program)
		s.run(p.program, burning())
	})
	entered.claims, byHand.claims = packages, packages
	return append(all, entered, byHand)
}

// debian is a package with one program.
type debian struct {
	name, program string
	tree          string // where it is built
}

// install builds a version of the package, installs it, and purges it in the end.
func (s *session) install(p debian, version string) {
	tree, archive := filepath.Join(p.tree, version), filepath.Join(p.tree, version+".deb")
	s.placeMarked(tree+p.program, p.program+" "+version)
	s.write(tree+"/DEBIAN/control", "Package: "+p.name+"\nVersion: "+version+"\nArchitecture: all\n"+
		"Maintainer: lab <lab@localhost>\nDescription: a program that only counts\n", 0o644)
	s.command("dpkg-deb", "--root-owner-group", "--build", tree, archive)
	if !s.stopped() && version == "1" {
		s.undo = append(s.undo, func() error {
			return programs.Eventually(context.Background(), time.Minute, "dpkg purges "+p.name, func() error { return runCommand("dpkg", "--purge", p.name) })
		})
	}
	s.eventually(time.Minute, "dpkg installs "+archive, func() error { return runCommand("dpkg", "--install", archive) })
	s.act()
}

// extend appends to a program, which keeps its name and inode.
func (s *session) extend(path string) {
	if s.stopped() {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(s.tracker.run)
		file.Close()
	}
	s.fail(err)
	s.act()
}

// waitForDpkg waits until packages were last changed more than a minute ago: what comes sooner
// might be made by a package's scripts.
func (s *session) waitForDpkg() {
	s.eventually(2*time.Minute, "packages were last changed more than a minute ago", func() error {
		state, err := os.Stat(dpkgStatus)
		if err == nil && time.Since(state.ModTime()) < 65*time.Second {
			err = fmt.Errorf("%s was changed at %s", dpkgStatus, state.ModTime())
		}
		return err
	})
}

// command runs a program of the system as root until it ends.
func (s *session) command(argv ...string) {
	if !s.stopped() {
		s.fail(runCommand(argv...))
	}
}

func runCommand(argv ...string) error {
	output, err := exec.Command(lookPath(argv[0]), argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, output)
	}
	return nil
}
