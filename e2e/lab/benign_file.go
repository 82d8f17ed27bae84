package main

import "path"

// benignFiles are files that only have a name.
func benignFiles(n *names) []scenario {
	notes := n.path("/tmp/kdevtmpfsi-*")
	lies := func(name, technique, path, content string, mode uint32) scenario {
		return scenario{
			name: name, technique: technique, benign: true, watch: persistenceSpan, paths: n.tops(path), play: writes(path, content, mode),
		}
	}
	vaccine := lies("vaccine file /tmp/kdevtmpfsi", "T1105", "/tmp/kdevtmpfsi", "vaccine\n", 0o444)
	vaccine.short = true
	library := lies("library unpacked in a temporary directory", "T1105", n.temp("*.so"), "", 0o644)
	library.play = func(s *session) { s.write(library.paths[0], s.library(), 0o644) }
	return []scenario{
		vaccine,
		lies("vaccine file /var/tmp/kinsing", "T1105", "/var/tmp/kinsing", "vaccine\n", 0o444),
		{
			name: "notes about kdevtmpfsi are read", technique: "T1105", benign: true, programs: []string{"tail"},
			paths: n.tops(notes),
			play: func(s *session) {
				s.write(notes, "It came by Flink.\n", 0o644)
				s.launch(order{argv: []string{"tail", "-f", notes}})
			},
		},
		library,
		lies("socket directory of X11's kind", "T1564.001", path.Join(n.path("/tmp/.*-unix"), "X0"), "", 0o600),
		lies("build script in /tmp, not running", "T1105", n.path("/tmp/*.sh"), "#!/bin/sh\nexec make -C /usr/src/linux\n", 0o755),
	}
}
