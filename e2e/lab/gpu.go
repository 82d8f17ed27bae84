package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"
)

// gpuSpan is longer than the pause between two looks for GPUs, and until every process
// was looked at.
const gpuSpan = 2 * time.Minute

// nullDevice is the number of /dev/null (null(4)): it can be held open, and does nothing.
const nullDevice = 1<<8 | 3

// gpuNode makes a device node that bears the name of a GPU and is none.
func (s *session) gpuNode(path string) {
	if s.stopped() {
		return
	}
	if !s.owns(path) {
		s.fail(fmt.Errorf("%s is not among the paths of the scenario", path))
		return
	}
	if err := syscall.Mknod(path, syscall.S_IFCHR, nullDevice); err != nil {
		s.fail(fmt.Errorf("make %s: %w", path, err))
		return
	}
	s.undo = append(s.undo, func() error { return os.Remove(path) })
	s.fail(os.Chmod(path, 0o666))
}

// holds starts a burner that holds a file open.
func (s *session) holds(file, program string, work task.Task) {
	s.launch(order{argv: []string{"sh", "-c", "exec 9<>" + file + "; exec " + program}, environment: []string{s.assign(work)}})
}

// gpuAttacks hold a GPU. None is needed: a node of its name shows who holds it, but no
// time that it was busy.
func gpuAttacks(n *names) []scenario {
	scenarioOf := func(name, device, program string, play func(s *session)) scenario {
		return scenario{
			name: name, technique: "T1496.001", expect: critical, watch: gpuSpan, unless: device,
			paths: append(n.tops(program), device),
			play: func(s *session) {
				s.gpuNode(device)
				s.place(program)
				play(s)
			},
		}
	}
	const cuda, tools, rocm = "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/kfd"
	idle, gone, many := n.temp("*"), n.home("*"), n.temp("*")
	deep := scenarioOf("GPU of NVIDIA held behind 3,000 files, idle", tools, many, func(s *session) {
		s.launch(order{
			argv: []string{"python3", "-c", `import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
for _ in range(3000): os.set_inheritable(os.open("/dev/null", os.O_RDONLY), True)
os.set_inheritable(os.open(sys.argv[1], os.O_RDWR), True)
os.execv(sys.argv[2], [sys.argv[2]])`, tools, many},
			environment: []string{s.assign(task.Task{})},
		})
	})
	deep.programs = []string{"python3"}
	return []scenario{
		scenarioOf("GPU of NVIDIA held from a temporary directory, idle", cuda, idle, func(s *session) { s.holds(cuda, idle, task.Task{}) }),
		scenarioOf("GPU of AMD held by a program that deletes itself, idle", rocm, gone, func(s *session) { s.holds(rocm, gone, task.Task{Delete: true}) }),
		deep,
	}
}

// benignGPUs hold a GPU and run from where programs belong.
func benignGPUs(n *names) []scenario {
	const cuda, rocm = "/dev/nvidia-uvm", "/dev/kfd"
	training, server, window := n.home("*/train.py"), n.local("*"), n.home("*")
	node := fmt.Sprintf("/dev/dri/renderD%d", 20_000+n.random.IntN(10_000))
	return []scenario{
		{
			name: "training at home on a GPU of NVIDIA", technique: "T1496.001", benign: true, cores: 1, watch: gpuSpan, unless: cuda,
			paths: append(n.tops(training), cuda), programs: []string{"python3"},
			play: func(s *session) {
				s.gpuNode(cuda)
				s.write(training, "gpu = open('"+cuda+"', 'r+b', buffering=0)\nwhile True: pass\n", 0o644)
				s.launch(order{argv: []string{"python3", training}})
			},
		},
		{
			name: "installed server on a GPU of AMD, busy", technique: "T1496.001", benign: true, cores: 1, watch: gpuSpan, unless: rocm,
			paths: append(n.tops(server), rocm),
			play: func(s *session) {
				s.gpuNode(rocm)
				s.place(server)
				s.holds(rocm, server, burning())
			},
		},
		{
			name: "window of a program at home", technique: "T1496.001", benign: true, watch: gpuSpan, unless: "/dev/dri",
			paths: append(n.tops(window), "/dev/dri"),
			play: func(s *session) {
				if err := os.Mkdir("/dev/dri", 0o755); err != nil && !errors.Is(err, os.ErrExist) {
					s.fail(err)
					return
				}
				s.undo = append(s.undo, func() error { return os.Remove("/dev/dri") })
				s.gpuNode(node)
				s.place(window)
				s.holds(node, window, task.Task{})
			},
		},
	}
}
