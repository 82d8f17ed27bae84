package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// benignBuilds compile, and run what they have compiled from temporary
// directories.
func benignBuilds(n *names) []scenario {
	goBuild, goTest, goRun := n.home("*"), n.home("*"), n.home("*")
	gcc, makeParallel, makeCheck := n.home("*"), n.home("*"), n.temp("*")
	cargo, cargoTarget, rebuilt := n.home("*"), n.temp("*"), n.home("*/build/*")
	return []scenario{
		{
			name: "go build", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{goBuild}, programs: []string{"go"},
			play: func(s *session) {
				s.launchGo(goBuild, "while :; do go build -a -p 1 strconv unicode/utf8 sort || exit 1; done")
			},
		},
		{
			name: "go test runs from /tmp", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{goTest}, programs: []string{"go"},
			play: func(s *session) {
				s.write(goTest+"/src/go.mod", "module busy\n\ngo 1.20\n", 0o644)
				s.write(goTest+"/src/busy_test.go", "package busy\n\nimport \"testing\"\n\n"+
					"func TestBusy(t *testing.T) {\n\tfor {\n\t}\n}\n", 0o644)
				s.launchGo(goTest, "exec go test -timeout 5m .")
				s.waitForBuild("busy.test")
			},
		},
		{
			name: "go run runs from /tmp", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{goRun}, programs: []string{"go"},
			play: func(s *session) {
				s.write(goRun+"/src/go.mod", "module busyrun\n\ngo 1.20\n", 0o644)
				s.write(goRun+"/src/main.go", "package main\n\nfunc main() {\n\tfor {\n\t}\n}\n", 0o644)
				s.launchGo(goRun, "exec go run .")
				s.waitForBuild("busyrun")
			},
		},
		{
			name: "gcc in a loop", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{gcc}, programs: []string{"gcc"},
			play: func(s *session) {
				s.write(gcc+"/a.c", cSource(4000), 0o644)
				s.launch(order{argv: []string{"sh", "-c", "while :; do gcc -O2 -c -o a.o a.c || exit 1; done"}, directory: gcc})
			},
		},
		{
			name: "make -j2", technique: "T1059.004", benign: true, cores: 2,
			paths: []string{makeParallel}, programs: []string{"gcc", "make"},
			play: func(s *session) {
				s.write(makeParallel+"/a.c", cSource(4000), 0o644)
				s.write(makeParallel+"/b.c", cSource(4000), 0o644)
				s.write(makeParallel+"/Makefile", "all: a.o b.o\n%.o: %.c\n\tgcc -O2 -c -o $@ $<\nclean:\n\trm -f a.o b.o\n", 0o644)
				s.launch(order{argv: []string{"sh", "-c", "while :; do make -s -j2 all clean || exit 1; done"}, directory: makeParallel})
			},
		},
		{
			name: "make runs a test from /tmp", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{makeCheck}, programs: []string{"make"},
			play: func(s *session) {
				s.place(makeCheck + "/selftest")
				s.write(makeCheck+"/Makefile", "check:\n\t./selftest\n", 0o644)
				s.launch(order{argv: []string{"make", "check"}, directory: makeCheck, environment: []string{s.assign(burning())}})
			},
		},
		{
			name: "cargo runs build.rs from /tmp", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{cargo, cargoTarget}, programs: []string{"cargo", "cc"},
			play: func(s *session) {
				s.write(cargo+"/Cargo.toml", "[package]\nname = \"busy\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", 0o644)
				s.write(cargo+"/build.rs", "fn main() {\n    loop { std::hint::spin_loop(); }\n}\n", 0o644)
				s.write(cargo+"/src/main.rs", "fn main() {}\n", 0o644)
				s.directory(cargoTarget)
				s.launch(order{
					argv: []string{"cargo", "build", "--offline"}, directory: cargo,
					environment: []string{"CARGO_TARGET_DIR=" + cargoTarget},
				})
				s.waitForBuild("build-script-build")
			},
		},
		{
			name: "program rebuilt in a home while it runs", technique: "T1070.004", benign: true, cores: 1,
			paths: n.tops(rebuilt),
			play: func(s *session) {
				s.place(rebuilt)
				s.run(rebuilt, burning())
				s.wait(seen)
				s.remove(rebuilt)
				s.placeMarked(rebuilt, "rebuilt")
			},
		},
	}
}

// launchGo runs a line of shell with Go set up below the directory, and with
// the temporary directory that Go has by itself.
func (s *session) launchGo(directory, line string) {
	s.directory(directory + "/src")
	s.launch(order{
		argv: []string{"sh", "-c", line}, directory: directory + "/src",
		environment: []string{
			"GOCACHE=" + directory + "/cache", "GOPATH=" + directory + "/path", "GOFLAGS=-buildvcs=false",
			"GOTOOLCHAIN=local", "GOPROXY=off", "GOMAXPROCS=1",
		},
	})
}

// waitForBuild waits until what was built runs, up to two minutes: the time of a
// counterpart counts from then.
func (s *session) waitForBuild(base string) {
	s.eventually(2*time.Minute, base+" is built and runs", func() error {
		if err := s.tracker.scan(); err != nil {
			return err
		}
		for _, exe := range s.executables() {
			if filepath.Base(exe) == base {
				return nil
			}
		}
		if s.fail(s.early()); s.err == nil {
			return errors.New("no process of the scenario runs it")
		}
		return nil // waiting is of no use
	})
	s.act()
}

// cSource is a C file with so many functions.
func cSource(functions int) string {
	var source []byte
	for i := range functions {
		source = fmt.Appendf(source, "int f%d(int a, int b) { int c = a; for (int i = 0; i < b; i++) c = c * %d + (a ^ i); return c; }\n", i, i+3)
	}
	return string(source)
}
