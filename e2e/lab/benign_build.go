package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// benignBuilds compile, and run what they have compiled from temporary
// directories.
func benignBuilds() []scenario {
	return []scenario{
		{
			name: "go build", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{home + "/go-build"}, programs: []string{"go"},
			play: func(s *session) {
				s.launchGo(home+"/go-build", "while :; do go build -a -p 1 strconv unicode/utf8 sort || exit 1; done")
			},
		},
		{
			name: "go test runs from /tmp", technique: "T1059.004", benign: true, cores: 1, short: true,
			paths: []string{home + "/go-test"}, programs: []string{"go"},
			play: func(s *session) {
				directory := home + "/go-test"
				s.write(directory+"/src/go.mod", "module busy\n\ngo 1.20\n", 0o644)
				s.write(directory+"/src/busy_test.go", "package busy\n\nimport \"testing\"\n\n"+
					"func TestBusy(t *testing.T) {\n\tfor {\n\t}\n}\n", 0o644)
				s.launchGo(directory, "exec go test -timeout 5m .")
				s.waitForBuild("busy.test")
			},
		},
		{
			name: "go run runs from /tmp", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{home + "/go-run"}, programs: []string{"go"},
			play: func(s *session) {
				directory := home + "/go-run"
				s.write(directory+"/src/go.mod", "module busyrun\n\ngo 1.20\n", 0o644)
				s.write(directory+"/src/main.go", "package main\n\nfunc main() {\n\tfor {\n\t}\n}\n", 0o644)
				s.launchGo(directory, "exec go run .")
				s.waitForBuild("busyrun")
			},
		},
		{
			name: "gcc in a loop", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{home + "/gcc"}, programs: []string{"gcc"},
			play: func(s *session) {
				directory := home + "/gcc"
				s.write(directory+"/a.c", cSource(4000), 0o644)
				s.launch(order{argv: []string{"sh", "-c", "while :; do gcc -O2 -c -o a.o a.c || exit 1; done"}, directory: directory})
			},
		},
		{
			name: "make -j2", technique: "T1059.004", benign: true, cores: 2,
			paths: []string{home + "/make"}, programs: []string{"gcc", "make"},
			play: func(s *session) {
				directory := home + "/make"
				s.write(directory+"/a.c", cSource(4000), 0o644)
				s.write(directory+"/b.c", cSource(4000), 0o644)
				s.write(directory+"/Makefile", "all: a.o b.o\n%.o: %.c\n\tgcc -O2 -c -o $@ $<\nclean:\n\trm -f a.o b.o\n", 0o644)
				s.launch(order{argv: []string{"sh", "-c", "while :; do make -s -j2 all clean || exit 1; done"}, directory: directory})
			},
		},
		{
			name: "make runs a test from /tmp", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{"/tmp/cryptojack-lab-make"}, programs: []string{"make"},
			play: func(s *session) {
				directory := "/tmp/cryptojack-lab-make"
				s.place(directory + "/selftest")
				s.write(directory+"/Makefile", "check:\n\t./selftest\n", 0o644)
				s.launch(order{argv: []string{"make", "check"}, directory: directory, environment: []string{s.assign(burning())}})
			},
		},
		{
			name: "cargo runs build.rs from /tmp", technique: "T1059.004", benign: true, cores: 1,
			paths: []string{home + "/cargo", "/tmp/cryptojack-lab-cargo"}, programs: []string{"cargo", "cc"},
			play: func(s *session) {
				directory := home + "/cargo"
				s.write(directory+"/Cargo.toml", "[package]\nname = \"busy\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", 0o644)
				s.write(directory+"/build.rs", "fn main() {\n    loop { std::hint::spin_loop(); }\n}\n", 0o644)
				s.write(directory+"/src/main.rs", "fn main() {}\n", 0o644)
				s.directory("/tmp/cryptojack-lab-cargo")
				s.launch(order{
					argv: []string{"cargo", "build", "--offline"}, directory: directory,
					environment: []string{"CARGO_TARGET_DIR=/tmp/cryptojack-lab-cargo"},
				})
				s.waitForBuild("build-script-build")
			},
		},
		{
			name: "program rebuilt in a home while it runs", technique: "T1070.004", benign: true, cores: 1,
			paths: []string{home + "/project"},
			play: func(s *session) {
				path := home + "/project/build/server"
				s.place(path)
				s.run(path, burning())
				s.wait(seen)
				s.remove(path)
				s.placeMarked(path, "rebuilt")
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
