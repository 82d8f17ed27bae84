package main

// benignFiles are files that only have a name.
func benignFiles() []scenario {
	return []scenario{
		{
			name: "vaccine file /tmp/kdevtmpfsi", technique: "T1105", benign: true, short: true, watch: persistenceSpan,
			paths: []string{"/tmp/kdevtmpfsi"}, play: writes("/tmp/kdevtmpfsi", "vaccine\n", 0o444),
		},
		{
			name: "vaccine file /var/tmp/kinsing", technique: "T1105", benign: true, watch: persistenceSpan,
			paths: []string{"/var/tmp/kinsing"}, play: writes("/var/tmp/kinsing", "vaccine\n", 0o444),
		},
		{
			name: "notes about kdevtmpfsi are read", technique: "T1105", benign: true, programs: []string{"tail"},
			paths: []string{"/tmp/kdevtmpfsi-notes"},
			play: func(s *session) {
				s.write("/tmp/kdevtmpfsi-notes", "It came by Flink.\n", 0o644)
				s.launch(order{argv: []string{"tail", "-f", "/tmp/kdevtmpfsi-notes"}})
			},
		},
		{
			name: "library unpacked in /tmp", technique: "T1105", benign: true, watch: persistenceSpan,
			paths: []string{"/tmp/cryptojack-lab-native8.so"},
			play:  func(s *session) { s.write("/tmp/cryptojack-lab-native8.so", s.library(), 0o644) },
		},
		{
			name: "socket directory of X11's kind", technique: "T1564.001", benign: true, watch: persistenceSpan,
			paths: []string{"/tmp/.Lab-unix"}, play: writes("/tmp/.Lab-unix/X0", "", 0o600),
		},
		{
			name: "build script in /tmp, not running", technique: "T1105", benign: true, watch: persistenceSpan,
			paths: []string{"/tmp/cryptojack-lab-build.sh"},
			play:  writes("/tmp/cryptojack-lab-build.sh", "#!/bin/sh\nexec make -C /usr/src/linux\n", 0o755),
		},
	}
}
