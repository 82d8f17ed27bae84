package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// dataset is claimed by what uses 2 GiB of memory: one at a time.
func dataset() []string { return []string{"2 GiB of memory"} }

// memoryAttacks take the memory of RandomX in other ways than one mapping of its own.
func memoryAttacks(n *names) []scenario {
	burns := func(name string, memory task.Memory) scenario {
		return n.burner(scenario{name: name + ", installed, burns", technique: "T1496.001", expect: critical, needs: history, cores: 1, claims: dataset()},
			n.local("*"), task.Task{Memory: memory, Threads: 1})
	}
	light := burns("light RandomX memory in one mapping", task.LightMerged)
	light.claims = nil
	xmrig := burns("dataset, cache and scratchpads in one mapping", task.Merged)
	xmrig.short = true
	return []scenario{
		xmrig, light,
		burns("RandomX memory that is shared", task.Shared),
		burns("RandomX memory in a memory file", task.MemoryFile),
		burns("RandomX memory of System V", task.SysV),
		burns("RandomX memory split by permissions", task.Split),
	}
}

// benignMemory is memory of the size of RandomX's that is none.
func benignMemory(n *names) []scenario {
	java := func(name string, options ...string) scenario {
		directory := n.home("*")
		return scenario{
			name: name, technique: "T1496.001", benign: true, cores: 1,
			paths: []string{directory}, programs: []string{"javac", "java"}, claims: append(dataset(), "java"),
			play: func(s *session) {
				s.write(directory+"/Heap.java", "public class Heap {\n  public static void main(String[] a) {\n"+
					"    long x = 1;\n    for (;;) { x = x * 31 + 7; if (x == 0) System.out.println(x); }\n  }\n}\n", 0o644)
				arguments := append([]string{"java", "-Xms2080m", "-Xmx2080m", "-XX:-UsePerfData", "-XX:+UseSerialGC"}, options...)
				s.launch(order{argv: append(arguments, "Heap.java"), directory: directory})
			},
		}
	}
	python := func(name, code string) scenario {
		return scenario{
			name: name, technique: "T1496.001", benign: true, cores: 1, programs: []string{"python3"}, claims: append(dataset(), "python3"),
			play: starts("python3", "-c", code+"\nwhile True: pass"),
		}
	}
	shape := func(name string, memory task.Memory) scenario {
		return n.burner(scenario{name: name, technique: "T1496.001", benign: true, cores: 1}, n.local("*"), task.Task{Memory: memory, Threads: 1})
	}
	return []scenario{
		java("java with a heap of 2,080 MiB"),
		java("java with a heap of 2,080 MiB in use", "-XX:+AlwaysPreTouch"),
		python("python with an array of 2,080 MiB", "a = bytearray(2080 << 20)"),
		python("python with an array of 2,080 MiB in use", "a = bytearray(b'1') * (2080 << 20)"),
		shape("reserve of 2,080 MiB beside compiled code", task.Reserve),
		shape("2,080 MiB of memory that is not used, beside compiled code", task.Untouched),
	}
}
